// SPDX-License-Identifier: Apache-2.0
// OCI images from layouts: directories and archives, and what `docker save` writes.
#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "image/docker_archive.h"
#include "image/finder_impl.h"
#include "image/local_file.h"
#include "image/oci_blobs.h"
#include "image/unpack_client.h"

namespace rkt::image {
namespace {

std::string place_text(const std::string& path) {
  return path == kStandardInput ? std::string("standard input") : quoted(path);
}

// A name that is made of a path may have nothing in it that a name can have.
void check_made_name(const std::string& name) {
  try {
    (void)appc::AcIdentifier::sanitize(name);
  } catch (const Error& e) {
    throw Error(e.code(), cat("bad image name ", quoted(name), ": ", e.cause()))
        .hint("another is given by: rkt image import --name=NAME[:VERSION]");
  }
}

// Throws unless a layer that a layout has not got may come from its URLs.
void check_elsewhere(const oci::Descriptor& layer, PullPolicy policy) {
  const std::string text = cat("the layout does not hold layer ", layer.digest);
  if (!oci::is_foreign_type(layer.media_type) || layer.urls.empty()) throw Error(Errc::not_found, text);
  if (policy == PullPolicy::never)
    throw Error(Errc::not_found, text).hint("its URLs may be asked with another --pull-policy");
}

// A layer of a layout, through a private copy: what is hashed is what is stored.
void copy_layer(store::Store& store, const Layout& layout, const oci::Descriptor& layer, const std::string& blob) {
  const std::string staging = cat("blob-", blob, ".", unique_name("copy"));
  ScopeExit cleanup([&] { ::unlinkat(store.partial().get(), staging.c_str(), 0); });
  const UniqueFd copy = private_copy(layout.open_blob(layer).get(), store.partial(), staging);
  const std::string found = digest_of_layer(copy.get(), layer.digest);
  if (found != layer.digest)
    throw Error(Errc::invalid, cat("expected digest ", layer.digest, ", the content has ", found));
  store.commit_blob(staging, blob);
  cleanup.release();
}

}  // namespace

store::ImageRecord Finder::Impl::find_layout(const std::string& path, const std::string& reference,
                                             const std::optional<LayoutName>& named) {
  log::debug("image", cat("using image from layout ", path));
  return import_layout(Layout::at(path), path, reference, false, named);
}

store::ImageRecord Finder::Impl::find_layout_archive(const std::string& path, const std::string& reference,
                                                     const std::optional<LayoutName>& named) {
  log::debug("image", cat("using image from layout archive ", path));
  UniqueFd source(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!source) throw Error::from_errno(cat("open ", path));
  return import_archive(std::move(source), path, reference, named);
}

store::ImageRecord Finder::Impl::import_archive(UniqueFd source, const std::string& path, const std::string& reference,
                                                const std::optional<LayoutName>& named) {
  // Named and locked like a download, so that the sweep can tell whether its owner still lives.
  const std::string name = unique_name("layout");
  const KeyLock mine = KeyLock::take(store.locks(), name, LockMode::exclusive);
  const ScopeExit cleanup([&] {
    store.partial().remove_tree(name);  // else image gc does
    store.locks().unlink(name);
  });
  const DirFd dir = store.partial().make_sub(name, 0700);
  in_place([&] { return place_text(path); }, [&] { unpack_layout_archive(source.get(), dir, UnpackLimits{}); });
  source.reset();
  if (dir.exists("index.json")) return import_layout(Layout(dir.clone()), path, reference, true, named);
  if (dir.exists("manifest.json") && trust.required())
    throw Error(Errc::untrusted,
                cat("image ", quoted(cat("docker-archive:", path)), ": such archives carry no signature"))
        .hint("fetch the image from its registry, or use --insecure-options=image");
  const std::string tag = in_place([&] { return place_text(path); }, [&] { return make_layout(dir, reference); });
  const Layout layout(dir.sub(".layout"));
  if (named || tag.empty()) return import_layout(layout, path, {}, true, named);
  return import_layout(layout, path, {}, true, parse_layout_name(tag));
}

store::ImageRecord Finder::Impl::import_layout(const Layout& layout, const std::string& path,
                                               const std::string& reference, bool archive,
                                               const std::optional<LayoutName>& named) {
  const LayoutImage got =
      in_place([&] { return place_text(path); }, [&] { return layout.resolve(reference, appc::host_platform()); });
  const LayoutName name = named ? *named : layout_name(path, reference.empty() ? got.own_name : reference);
  if (path == kStandardInput && name.name == path)
    throw Error(Errc::usage, "the image on standard input has no name").hint("give it one: --name=NAME[:VERSION]");
  if (!named) check_made_name(name.name);
  oci::MappingSource source;
  source.name = source.repository = name.name;
  source.original_name = reference.empty() ? name.name : reference;
  source.tag = name.tag;
  source.manifest_digest = got.manifest_digest;
  LayoutSignatures signatures(layout);
  const std::string signed_by =
      trust.vouch_for(layout_subject(path, reference, archive, name.name, name.tag, got.digests), signatures);
  store::ImageRecord image = make_record(got.manifest, got.parsed, got.config, source);
  image.signed_by = signed_by;
  const KeyLock hold = store.hold_blobs();
  std::vector<oci::Descriptor> elsewhere;
  for (const auto& [blob, layer] : distinct(got.parsed.layers)) {
    if (store.find_blob(blob)) continue;
    if (!layout.holds(layer.digest)) {
      check_elsewhere(layer, options.pull);
      elsewhere.push_back(layer);
      continue;
    }
    const SourceLock lock = take_source(store, cat("blob-", blob), cat("Copying ", layer.digest.substr(0, 18)), show);
    if (!store.find_blob(blob)) copy_layer(store, layout, layer, blob);
  }
  if (!elsewhere.empty()) fetch_layers(store, client(), show, {}, elsewhere);
  check_sizes(store, got.parsed.layers);
  commit_bytes(store, image.blobs[0], got.manifest);
  commit_bytes(store, image.blobs[1], got.config);
  record(image);
  return image;
}

}  // namespace rkt::image
