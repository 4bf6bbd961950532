// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/oci.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "worker/unpack/hasher.h"
#include "worker/unpack/names.h"
#include "worker/unpack/writer.h"

namespace rkt::unpack {
namespace {

[[noreturn]] void mismatch(std::string_view what, const Digest& expected, std::string_view got) {
  throw Error(Errc::untrusted, cat(what, " does not match: expected ", expected.algorithm, ":", expected.hex, ", got ",
                                   expected.algorithm, ":", got));
}

std::optional<Digest> digest_or_none(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return Digest::parse(text);
}

void write_entry(const Entry& entry, Staging& root, Writer& writer, TarReader& tar) {
  const std::string path = clean_name(entry.name);
  const Whiteout whiteout = parse_whiteout(path);
  switch (whiteout.kind) {
    case Whiteout::Kind::bookkeeping:
      return;
    case Whiteout::Kind::hides:
      return root.whiteout(whiteout.path);
    case Whiteout::Kind::opaque:
      return root.opaque(whiteout.path);
    case Whiteout::Kind::none:
      break;
  }
  // overlayfs' own form, from tools that pack its directories as they are; it can show no device of that number.
  if (entry.type == Entry::Type::char_device && entry.device == 0) return root.whiteout(path);
  if (entry.type == Entry::Type::hard_link)
    writer.link(path, clean_link_target(entry.target));
  else
    writer.write(path, entry, tar);
}

void write_all_entries(ArchiveStream& stream, Meter& meter, Staging& root) {
  TarReader tar(stream);
  Writer writer(root, meter);
  Entry entry;
  while (tar.next(entry)) {
    meter.entry();
    in_context([&] { return cat("unpack ", quoted(entry.name)); }, [&] { write_entry(entry, root, writer, tar); });
  }
  stream.drain();
}

void check_file(int file, const std::string& expected) {
  const auto digest = digest_or_none(expected);
  if (!digest) return;
  if (const std::string got = file_digest(file, *digest); got != digest->hex) mismatch("layer digest", *digest, got);
}

}  // namespace

Reply unpack_layer(int file, const Request::Archive& archive, const Limits& limits, Staging& root) {
  const auto diff_id = digest_or_none(archive.diff_id);
  Meter meter(limits);
  Reply reply;
  try {
    ArchiveStream stream(file, {.tar_algorithm = diff_id ? diff_id->algorithm : "", .limits = limits});
    write_all_entries(stream, meter, root);
    if (diff_id)
      if (const std::string got = stream.tar_digest(); got != diff_id->hex) mismatch("layer diff_id", *diff_id, got);
    reply = {.compression = compression_name(stream.compression()), .tar_size = stream.tar_size()};
  } catch (const Error&) {
    // The right tar bytes are all that is wanted; why they are not there is a matter of the file's own.
    check_file(file, archive.digest);
    throw;
  }
  if (!diff_id) check_file(file, archive.digest);
  root.finish();
  reply.bytes = meter.total_bytes();
  reply.entries = meter.total_entries();
  return reply;
}

std::optional<std::string> place_in_layout(const Entry& entry) {
  std::string path = clean_name(entry.name);
  if (path != "index.json" && path != "oci-layout" && !path.starts_with("blobs/")) return std::nullopt;
  if (entry.type == Entry::Type::directory) return std::nullopt;  // made when a blob needs it
  const auto parts = split(path, '/');
  const bool named = std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._+=-").contains(c);
  });
  if (entry.type != Entry::Type::regular || !named || (parts.size() != 1 && parts.size() != 3))
    throw Error(Errc::invalid, cat("archive entry ", quoted(entry.name), " does not belong into an OCI layout"));
  return path;
}

namespace {

bool is_place_in_docker_archive(std::string_view path) {
  const bool named = std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-").contains(c);
  });
  const auto slash = path.find('/');
  const bool top = slash == std::string::npos && (path.ends_with(".json") || path.ends_with(".tar"));
  const bool layer = slash != std::string::npos && path.substr(slash) == "/layer.tar";
  return named && !path.starts_with('.') && (top || layer);
}

}  // namespace

std::optional<std::string> place_in_docker_archive(const Entry& entry) {
  std::string path = clean_name(entry.name);
  const bool link = entry.type == Entry::Type::hard_link;
  if (!link && entry.type != Entry::Type::regular && entry.type != Entry::Type::symlink) return std::nullopt;
  if (link && !is_place_in_docker_archive(clean_link_target(entry.target))) return std::nullopt;
  return is_place_in_docker_archive(path) ? std::optional(std::move(path)) : std::nullopt;
}

Reply unpack_layout(int file, const Limits& limits, Staging& to) {
  std::optional<ArchiveStream> source;
  try {
    source.emplace(file, StreamOptions{.tar_algorithm = "", .limits = limits});
  } catch (const Error& e) {
    if (e.code() != Errc::invalid) throw;
    throw Error(Errc::invalid, "it is no tar archive, compressed or not");
  }
  ArchiveStream& stream = *source;
  TarReader tar(stream);
  Meter meter(limits);
  Writer writer(to, meter);
  bool index = false;
  Entry entry;
  while (tar.next(entry)) {
    meter.entry();
    auto path = place_in_layout(entry);
    if (!path) path = place_in_docker_archive(entry);
    if (!path) continue;
    entry.attributes = {.mode = 0644};
    if (entry.type == Entry::Type::hard_link)
      writer.link(*path, clean_link_target(entry.target));
    else
      writer.write(*path, entry, tar);
    index |= *path == "index.json" || *path == "manifest.json";
  }
  if (!index)
    throw Error(Errc::invalid,
                "archive holds no \"index.json\" and no \"manifest.json\": it is no OCI image layout and no docker "
                "archive (names of ACI files end in .aci)");
  stream.drain();
  to.finish();
  return {.compression = compression_name(stream.compression()),
          .bytes = meter.total_bytes(),
          .entries = meter.total_entries()};
}

}  // namespace rkt::unpack
