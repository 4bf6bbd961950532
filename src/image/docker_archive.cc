// SPDX-License-Identifier: Apache-2.0
#include "image/docker_archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "image/unpack_client.h"
#include "json/reader.h"
#include "json/value.h"
#include "schema/oci/image.h"
#include "schema/oci/media_types.h"
#include "sys/digest.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxArchiveDocument = std::size_t{4} << 20;
constexpr std::size_t kMaxArchiveLayers = 1000;

struct ArchiveFile {
  UniqueFd fd;
  std::uint64_t size = 0;
};

// Links between layers are how older versions save a layer only once; they stay inside the archive.
ArchiveFile open_in_archive(const DirFd& dir, const std::string& path) {
  ArchiveFile out{dir.open_in_root(path, O_RDONLY | O_NONBLOCK)};
  struct stat st{};
  if (::fstat(out.fd.get(), &st) < 0) throw Error::from_errno(cat("stat ", quoted(path)));
  if (!S_ISREG(st.st_mode)) throw Error(Errc::invalid, cat(quoted(path), " in the archive is not a regular file"));
  out.size = static_cast<std::uint64_t>(st.st_size);
  return out;
}

json::Object describe(std::string_view type, const std::string& hex, std::uint64_t size) {
  json::Object o;
  o.set("mediaType", std::string(type));
  o.set("size", size);
  o.set("digest", cat("sha256:", hex));
  return o;
}

std::string layer_type(int file) {
  unsigned char head[4] = {};
  const ssize_t n = ::pread(file, head, sizeof head, 0);
  const std::string_view start(reinterpret_cast<const char*>(head), n > 0 ? static_cast<std::size_t>(n) : 0);
  std::string type(oci::kDockerLayerType);
  if (start.starts_with("\x1f\x8b")) type += ".gzip";
  if (start.starts_with("\x28\xb5\x2f\xfd")) type += ".zstd";
  return type;
}

json::Object put_layer(const DirFd& dir, const DirFd& blobs, const std::string& path) {
  const ArchiveFile layer = open_in_archive(dir, path);
  const std::string hex = digest_of(layer.fd.get(), cat("sha256:", std::string(64, '0')));
  const std::string source = cat("/proc/self/fd/", layer.fd.get());
  if (::linkat(AT_FDCWD, source.c_str(), blobs.get(), hex.c_str(), AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST)
    throw Error::from_errno(cat("take layer ", quoted(path)));
  return describe(layer_type(layer.fd.get()), hex, layer.size);
}

std::string put_document(const DirFd& blobs, std::string_view bytes) {
  std::string hex = sha256_hex(bytes);
  write_file(blobs, hex, bytes, 0644);
  return hex;
}

std::string tags_in(const std::vector<DockerArchiveImage>& images) {
  std::string out;
  for (const auto& image : images)
    for (const auto& tag : image.tags) out += cat(out.empty() ? "" : ", ", quoted(tag));
  return out.empty() ? "it has no names" : cat("it has: ", out);
}

// Two spellings of one name: podman writes docker.io/library/foo:1 where docker writes foo:1.
bool same_name(const std::string& a, const std::string& b) {
  try {
    const oci::Reference x = oci::Reference::parse(a), y = oci::Reference::parse(b);
    return x.host == y.host && x.repository == y.repository && x.tag == y.tag && x.digest == y.digest;
  } catch (const Error&) {
    return a == b;
  }
}

}  // namespace

std::vector<DockerArchiveImage> parse_docker_archive(std::string_view manifest) {
  const json::Value value = json::parse(manifest);
  std::vector<DockerArchiveImage> out;
  for (const auto& in : json::Reader(value, "manifest.json").elements()) {
    DockerArchiveImage image{
        .config = in.at("Config").text(), .tags = in.texts("RepoTags"), .layers = in.texts("Layers")};
    if (image.layers.size() > kMaxArchiveLayers) in.fail("too many layers");
    out.push_back(std::move(image));
  }
  return out;
}

const DockerArchiveImage& choose_tag(const std::vector<DockerArchiveImage>& images, const std::string& tag) {
  if (images.empty()) throw Error(Errc::not_found, "the archive holds no image");
  if (tag.empty()) {
    if (images.size() > 1)
      throw Error(Errc::usage, cat("the archive holds several images, name one; ", tags_in(images)));
    return images.front();
  }
  const auto carries = [&](const DockerArchiveImage& image) {
    return std::ranges::any_of(image.tags, [&](const auto& has) { return same_name(has, tag); });
  };
  const auto it = std::ranges::find_if(images, carries);
  if (it == images.end())
    throw Error(Errc::not_found, cat("the archive holds no image named ", quoted(tag), "; ", tags_in(images)));
  return *it;
}

std::string make_layout(const DirFd& dir, const std::string& tag) {
  const auto images = parse_docker_archive(
      read_all(open_in_archive(dir, "manifest.json").fd.get(), "manifest.json", kMaxArchiveDocument));
  const DockerArchiveImage& image = choose_tag(images, tag);
  const std::string config =
      read_all(open_in_archive(dir, image.config).fd.get(), "the image's configuration", kMaxArchiveDocument);
  const std::string top = ".layout";  // aside: names of the archive cannot be in the way
  if (dir.exists(top)) throw Error(Errc::invalid, cat(quoted(top), " in the archive"));
  const DirFd layout = dir.make_sub(top, 0700);
  const DirFd blobs = layout.make_sub("blobs", 0700).make_sub("sha256", 0700);
  json::Array layers;
  for (const auto& path : image.layers) layers.emplace_back(put_layer(dir, blobs, path));
  json::Object manifest;
  manifest.set("schemaVersion", std::int64_t{2});
  manifest.set("mediaType", oci::kDockerManifestType);
  manifest.set("config", describe(oci::kDockerConfigType, put_document(blobs, config), config.size()));
  manifest.set("layers", std::move(layers));
  const std::string bytes = json::write(json::Value(std::move(manifest)));
  json::Array manifests;
  manifests.emplace_back(describe(oci::kDockerManifestType, put_document(blobs, bytes), bytes.size()));
  json::Object index;
  index.set("schemaVersion", std::int64_t{2});
  index.set("manifests", std::move(manifests));
  write_file(layout, "index.json", json::write(json::Value(std::move(index))), 0644);
  write_file(layout, "oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0644);
  if (!tag.empty() || image.tags.empty()) return tag;
  for (std::size_t i = 1; i < image.tags.size(); ++i)
    log::note("image", cat("the archive also names the image ", quoted(printable(image.tags[i], 300)),
                           ": behind FILE: that is taken instead of ", quoted(printable(image.tags[0], 300))));
  return image.tags.front();
}

}  // namespace rkt::image
