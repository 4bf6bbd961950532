// SPDX-License-Identifier: Apache-2.0
// Image argument -> verified, stored image. Classifies the argument (images §3.1), asks the store or the fetch worker
// as the pull policy says, has signatures verified, decides with the key store whether the key counts, and records the
// image.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "image/fetch_client.h"
#include "image/insecure.h"
#include "keystore/keystore.h"
#include "schema/appc/image_manifest.h"
#include "schema/oci/image.h"
#include "store/store.h"

namespace rkt::image {

enum class PullPolicy { never, fresh /* "new" */, update };

/// Somebody who has a use for the layers of a Docker/OCI image while others are still on their way.
class LayerUser {
 public:
  virtual ~LayerUser() = default;
  /// The image's documents are verified; from now on its layers are stored, each verified. The image is in the index
  /// when all of them are. Called again when another place is tried.
  virtual void begin(const store::ImageRecord& image, const oci::Manifest& manifest, const oci::Config& config) = 0;
  /// Works until `fd` can be read, or returns at once. Locks down to that of a blob are held (docs/devel/locking.md).
  virtual void work_until(int fd) = 0;
  /// Not all layers came: lets go of every lock, until there is another begin().
  virtual void end() noexcept = 0;
};

struct FindOptions {
  PullPolicy pull = PullPolicy::fresh;
  Insecure insecure;
  bool trust_keys_from_https = false;
  bool with_dependencies = true;      ///< stage1 images: false
  bool ids_are_store_lookups = true;  ///< false for `rkt fetch` (a name then, as the reference)
  bool json_progress = false;         ///< --progress=json
  LayerUser* layer_user = nullptr;    ///< borrowed
};

/// One image as the caller asked for it.
struct Request {
  std::string argument;
  std::string signature_file;  ///< --signature, or ""
};

class Finder {
 public:
  /// Borrows all of them for its life. `keys` may be null only when insecure.image is set.
  Finder(store::Store& store, const keystore::Keystore* keys, const config::Config& config, FindOptions options);
  ~Finder();
  /// Verified and stored, or an exception; nothing half done stays visible.
  store::ImageRecord find(const Request& request);
  /// An image of another tool's: a docker archive, an OCI layout or an archive of one, a directory with `manifest` and
  /// `rootfs`. `name`: NAME[:VERSION] in the store, or "" for its own. Verified as find() verifies layouts; what can
  /// have no signature needs verification to be off.
  store::ImageRecord import(const std::string& source, const std::string& name);
  /// Gets one damaged or missing blob of a stored image again from where the image came from, and puts it in place when
  /// it is what its name says; until then the store keeps what it has of it. Returns the place it came from; throws,
  /// where is_gone() tells that nobody has it any more from what may be better another time.
  std::string restore(const store::ImageRecord& image, const std::string& blob);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `image cat-manifest|export|extract|render|rm|verify`: an ID, a prefix of one, a name with labels, or the URL or
/// docker://REFERENCE that it was fetched from; store only. It is held (Store::hold_image()), as what find() gives.
store::ImageRecord lookup(const store::Store& store, const std::string& argument);

/// "cannot find aci satisfying name: … in the local store".
Error not_in_store(const appc::AppString& app);

/// Of an error of restore(): no place is known that the blob could come from, or it is there no longer.
bool is_gone(const Error& e) noexcept;

}  // namespace rkt::image
