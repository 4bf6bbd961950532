// SPDX-License-Identifier: Apache-2.0
// Trusted keys: which keys may sign an image of a given name (images §5.1, §5.2), and storing new ones. OpenPGP keys
// and plain public keys (PEM, as cosign makes them) lie in the same directories, a file each.
// Layout: DIR/trustedkeys/root.d/FILE and DIR/trustedkeys/prefix.d/NAME/FILE, for DIR in built-in, vendor (system) and
// local directories; FILE is the fingerprint of an OpenPGP key, or sha256-HEX.pub; an empty file masks. Differs from
// the reference where it had holes: a prefix matches whole path components; a stray file is named in a warning and
// skipped instead of breaking every verification; a mask below a longer prefix wins.
//
// Nothing here reads keys: that FILE is named after a key in it is checked by the verify worker, each time the key is
// used.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rkt::keystore {

struct TrustedKey {
  std::string fingerprint;  ///< is_fingerprint() or is_plain_key()
  std::string path, bytes;
};

/// Docker Hub has several names. Keys for "docker.io/…" and "index.docker.io/…" are kept under the name that images
/// from there have, "registry-1.docker.io/…"; other names are what they are.
std::string hub_name(const std::string& name);

/// Throws Errc::invalid for what is no prefix that add() takes: its components are names of directories.
void check_prefix(const std::string& prefix);

/// Of an OpenPGP key: 40 (v4) or 64 (v6) lower-case hex digits.
bool is_fingerprint(std::string_view text) noexcept;
/// Of a plain key: "sha256:" and 64 lower-case hex digits, the SHA-256 of its DER SubjectPublicKeyInfo.
bool is_plain_key(std::string_view text) noexcept;
/// What the key in a file of this name is called; "" when it is no name of a key file. And back.
std::string key_of_file(std::string_view name);
std::string file_of_key(std::string_view fingerprint);

class Keystore {
 public:
  /// `builtin`: the directory that holds keys shipped with this build (found beside the binary), consulted like the
  /// system one. `own`: of a caller who is not root, consulted after the local one; keys are added there. "": none.
  Keystore(std::string system_dir, std::string local_dir, std::string builtin_dir = {}, std::string own_dir = {});
  /// The key ring for an image of this name: later directories replace and mask earlier ones, in the order built-in
  /// root, system root, local root, built-in prefix, system prefix, local prefix; within one prefix.d, shorter names
  /// first.
  std::vector<TrustedKey> ring_for(const std::string& image_name) const;
  /// Every key below every prefix and in root.d, masked or not, each once: to say whose a signature is that does not
  /// count.
  std::vector<TrustedKey> every_key() const;
  /// Any OpenPGP key below prefix.d for this name or a parent of it: then nothing is discovered automatically.
  bool has_prefix_keys(const std::string& image_name) const;
  /// Stores one armored or PEM public key (0644, directories 0755) durably; returns its path. `prefix` "" = root.d.
  std::string add(const std::string& prefix, const std::string& fingerprint, const std::string& armored) const;
  /// What add() of that key would replace.
  std::optional<TrustedKey> find_added(const std::string& prefix, const std::string& fingerprint) const;

 private:
  std::string place_of(const std::string& prefix) const;  ///< the directory that its keys are added to
  std::string system_, local_, builtin_, own_;
};

}  // namespace rkt::keystore
