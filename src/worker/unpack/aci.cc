// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/aci.h"

#include <map>
#include <unordered_map>

#include "base/strings.h"
#include "sys/file.h"
#include "worker/unpack/names.h"
#include "worker/unpack/selection.h"
#include "worker/unpack/writer.h"

namespace rkt::unpack {
namespace {

constexpr std::string_view kRootfs = "rootfs";

StreamOptions stream_options(const Limits& limits) { return {.tar_algorithm = "sha512", .limits = limits}; }

// What every ACI must consist of, whoever reads it. A rootfs is no part of that: an image may have nothing but
// dependencies.
class Layout {
 public:
  void see(const Entry& entry, const AciPlace& place) {
    if (place.part != AciPlace::Part::manifest) return;
    // Two manifests could mean different things to different readers.
    if (manifest_) throw Error(Errc::invalid, cat("duplicate file entry in archive: ", quoted(entry.name)));
    manifest_ = true;
  }
  void check() const {
    if (!manifest_) throw Error(Errc::invalid, "missing manifest");
  }

 private:
  bool manifest_ = false;
};

std::string link_target_in_rootfs(const Entry& entry) {
  const std::string target = clean_link_target(entry.target);
  if (!is_within(target, kRootfs) || target.size() == kRootfs.size())
    throw Error(Errc::invalid, cat("hard link ", quoted(entry.name), " points outside rootfs: ", quoted(entry.target)));
  return target.substr(kRootfs.size() + 1);
}

void check_tar_digest(ArchiveStream& stream, const std::string& expected) {
  stream.drain();
  const std::string digest = stream.tar_digest();
  if (!expected.empty() && digest != expected)
    throw Error(Errc::untrusted,
                cat("image hash does not match expected (sha512-", digest, " != sha512-", expected, ")"));
}

// One image of a rendering. A hard link of an image means that image's file, never one that an upper image put there;
// when its target was not selected, the first such link gets the content in a second pass over the archive, and the
// others link to it.
class ImageRenderer {
 public:
  ImageRenderer(int file, const Request::Archive& archive, const Limits& limits, Selection& selection, Writer& writer,
                Meter& meter)
      : file_(file), archive_(archive), limits_(limits), selection_(selection), writer_(writer), meter_(meter) {}

  void run() {
    selection_.begin_image(archive_.whitelist, archive_.upper_whitelist);
    Layout layout;
    pass([&](const Entry& entry, const AciPlace& place, TarReader& tar) {
      layout.see(entry, place);
      if (place.part == AciPlace::Part::rootfs) take(entry, place.path, tar);
    });
    layout.check();
    if (orphans_.empty()) return;
    pass([&](const Entry& entry, const AciPlace& place, TarReader& tar) {
      if (place.part == AciPlace::Part::rootfs) adopt(entry, place.path, tar);
    });
    if (orphans_.empty()) return;
    const auto& [target, links] = *orphans_.begin();
    throw Error(Errc::invalid,
                cat("hard link ", quoted(links.front()), " points at ", quoted(target), ", which the image lacks"));
  }

 private:
  template <class OnEntry>
  void pass(OnEntry&& on_entry) {
    ArchiveStream stream(file_, stream_options(limits_));
    TarReader tar(stream);
    Entry entry;
    while (tar.next(entry)) {
      meter_.entry();
      on_entry(entry, place_in_aci(entry), tar);
    }
    check_tar_digest(stream, archive_.digest);
  }

  void take(const Entry& entry, const std::string& path, TarReader& tar) {
    const bool is_link = entry.type == Entry::Type::hard_link;
    std::string target;
    if (is_link) {
      target = link_target_in_rootfs(entry);
      if (const auto alias = aliases_.find(target); alias != aliases_.end()) target = alias->second;
      aliases_[path] = target;
    }
    if (!selection_.take(path, entry.type == Entry::Type::directory)) return;
    if (!is_link) return writer_.write(path, entry, tar);
    if (selection_.provided_here(target))
      writer_.link(path, target);
    else
      orphans_[target].push_back(path);
  }

  void adopt(const Entry& entry, const std::string& path, TarReader& tar) {
    const auto found = orphans_.find(path);
    if (found == orphans_.end() || entry.type == Entry::Type::hard_link || entry.type == Entry::Type::directory) return;
    const auto links = std::move(found->second);
    orphans_.erase(found);
    writer_.write(links.front(), entry, tar);
    for (std::size_t i = 1; i < links.size(); ++i) writer_.link(links[i], links.front());
  }

  int file_;
  const Request::Archive& archive_;
  const Limits& limits_;
  Selection& selection_;
  Writer& writer_;
  Meter& meter_;
  std::unordered_map<std::string, std::string> aliases_;     // hard link -> the name that carries the content
  std::map<std::string, std::vector<std::string>> orphans_;  // content that was not selected -> selected links to it
};

// Hard links of an archive that come before what they point at: made at the end.
class EarlyLinks {
 public:
  EarlyLinks(Staging& to, Writer& writer) : to_(to), writer_(writer) {}

  void link(const std::string& path, const std::string& target) {
    const auto at = to_.place(target);
    if (!at.dir->find(at.name)) {
      targets_[path] = target;
      return;
    }
    written(path);
    writer_.link(path, target);
  }
  void written(const std::string& path) {
    if (!targets_.empty()) targets_.erase(path);
  }
  void finish() {
    for (const auto& [path, first] : targets_) {
      std::string target = first;  // which may be such a link, too
      for (int hops = 0; hops < kMaxHops; ++hops) {
        const auto next = targets_.find(target);
        if (next == targets_.end()) break;
        target = next->second;
      }
      writer_.link(path, target);
    }
  }

 private:
  static constexpr int kMaxHops = 40;
  Staging& to_;
  Writer& writer_;
  std::map<std::string, std::string> targets_;
};

}  // namespace

AciPlace place_in_aci(const Entry& entry) {
  const std::string path = clean_name(entry.name);
  const bool is_directory = entry.type == Entry::Type::directory;
  if (path.empty() && is_directory) return {AciPlace::Part::top, ""};
  if (path == "manifest") {
    if (entry.type != Entry::Type::regular) throw Error(Errc::invalid, "manifest is not a regular file");
    return {AciPlace::Part::manifest, ""};
  }
  if (!is_within(path, kRootfs) || path.empty()) return {AciPlace::Part::other, ""};
  if (path.size() > kRootfs.size()) return {AciPlace::Part::rootfs, path.substr(kRootfs.size() + 1)};
  if (!is_directory) throw Error(Errc::invalid, "rootfs is not a directory");
  return {AciPlace::Part::rootfs, ""};
}

Reply scan_aci(int file, const Limits& limits, std::string& manifest) {
  ArchiveStream stream(file, stream_options(limits));
  TarReader tar(stream);
  Meter meter(limits);
  Layout layout;
  Entry entry;
  while (tar.next(entry)) {
    meter.entry();
    const AciPlace place = place_in_aci(entry);
    layout.see(entry, place);
    if (place.part == AciPlace::Part::manifest) manifest = tar.text(kMaxManifest);
  }
  layout.check();
  stream.drain();
  return {.digest = stream.tar_digest(),
          .compression = compression_name(stream.compression()),
          .tar_size = stream.tar_size(),
          .entries = meter.total_entries()};
}

Reply unpack_acis(const Request& request, const std::vector<int>& files, Staging& root) {
  Meter meter(request.limits);
  Writer writer(root, meter);
  Selection selection;
  root.directory("", {});  // when no archive has it, or no whitelist names it: the same in either form of a tree
  for (std::size_t i = 0; i < files.size(); ++i)
    ImageRenderer(files[i], request.archives.at(i), request.limits, selection, writer, meter).run();
  root.finish();
  return {.bytes = meter.total_bytes(), .entries = meter.total_entries()};
}

Reply extract_aci(int file, const Limits& limits, Staging& to) {
  ArchiveStream stream(file, stream_options(limits));
  TarReader tar(stream);
  Meter meter(limits);
  Writer writer(to, meter);
  EarlyLinks links(to, writer);
  Layout layout;
  Entry entry;
  while (tar.next(entry)) {
    meter.entry();
    const AciPlace place = place_in_aci(entry);
    layout.see(entry, place);
    if (place.part == AciPlace::Part::top) continue;
    const std::string path = clean_name(entry.name);
    if (entry.type == Entry::Type::hard_link) {
      links.link(path, place.part == AciPlace::Part::rootfs ? cat(kRootfs, "/", link_target_in_rootfs(entry))
                                                            : clean_link_target(entry.target));
      continue;
    }
    writer.write(path, entry, tar);
    links.written(path);
  }
  links.finish();
  layout.check();
  stream.drain();
  to.finish();
  return {.digest = stream.tar_digest(), .bytes = meter.total_bytes(), .entries = meter.total_entries()};
}

Reply decompress(int file, const Limits& limits, int out) {
  ArchiveStream stream(file, stream_options(limits));
  for (auto bytes = stream.next(); !bytes.empty(); bytes = stream.next()) {
    if (stream.tar_size() > limits.bytes)
      throw Error(Errc::invalid, cat("decompresses to more than the limit of ", limits.bytes, " bytes"));
    write_all(out, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "the decompressed image");
  }
  return {.digest = stream.tar_digest(),
          .compression = compression_name(stream.compression()),
          .tar_size = stream.tar_size()};
}

}  // namespace rkt::unpack
