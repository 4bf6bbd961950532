// SPDX-License-Identifier: Apache-2.0
// Trusted OpenPGP keys: which keys may sign an image of a given name (images §5.1, §5.2), and storing new ones.
// Layout: DIR/trustedkeys/root.d/FPR and DIR/trustedkeys/prefix.d/NAME/FPR, for DIR in built-in, vendor (system) and
// local directories; an empty file masks. Differs from the reference where it had holes: a prefix matches whole path
// components; a stray file is named in a warning and skipped instead of breaking every verification; a mask below a
// longer prefix wins.
//
// Nothing here reads OpenPGP: that FPR is the fingerprint of a key in the file is checked by the verify worker, each
// time the key is used.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rkt::keystore {

struct TrustedKey {
  std::string fingerprint, path, bytes;
};

/// 40 (v4) or 64 (v6) lower-case hex digits.
bool is_fingerprint(std::string_view text) noexcept;

class Keystore {
 public:
  /// `builtin`: the directory that holds keys shipped with this build (found beside the binary), consulted like the
  /// system one.
  Keystore(std::string system_dir, std::string local_dir, std::string builtin_dir = {});
  /// The key ring for an image of this name: later directories replace and mask earlier ones, in the order built-in
  /// root, system root, local root, built-in prefix, system prefix, local prefix; within one prefix.d, shorter names
  /// first.
  std::vector<TrustedKey> ring_for(const std::string& image_name) const;
  /// Any key below prefix.d for this name or a parent of it: then nothing is discovered automatically.
  bool has_prefix_keys(const std::string& image_name) const;
  /// Stores one armored public key (0644, directories 0755) durably; returns its path. `prefix` "" = root.d.
  std::string add(const std::string& prefix, const std::string& fingerprint, const std::string& armored) const;

 private:
  std::string system_, local_, builtin_;
};

}  // namespace rkt::keystore
