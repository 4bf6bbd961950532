// SPDX-License-Identifier: Apache-2.0
// `rkt image import`: an image of another tool's from a file or directory, under a name of the caller's choice.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "image/finder_impl.h"
#include "image/local_file.h"
#include "image/unpack_client.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

// Kinds by their prefix, as other tools write them; what lies there decides anyway.
std::string without_kind(const std::string& source) {
  for (const std::string_view kind : {"docker-archive:", "oci-archive:", "oci:", "dir:"})
    if (source.starts_with(kind)) return source.substr(kind.size());
  return source;
}

// What every command can name afterwards: nothing of it is changed to fit.
LayoutName parse_new_name(const std::string& text) {
  LayoutName out = parse_layout_name(text);
  in_place([&] { return cat("bad image name ", quoted(text)); }, [&] { (void)appc::AcIdentifier::parse(out.name); });
  if (out.tag.find_first_of(":,= \t\n") != std::string::npos)
    throw Error(Errc::usage, cat("bad version ", quoted(out.tag), " in the image name ", quoted(text)));
  return out;
}

// NAME of "-:NAME", where that is what the caller says; "" of "-".
std::optional<std::string> name_on_input(std::string_view place) {
  for (const std::string_view input : {kStandardInput, std::string_view("/dev/stdin")}) {
    if (place == input) return "";
    if (place.starts_with(cat(input, ":"))) return std::string(place.substr(input.size() + 1));
  }
  return std::nullopt;
}

// What comes through a pipe can be read once, and what it is has to be found out first. The copy has no name, or loses
// it at once: nothing of it stays, however this process ends.
UniqueFd copy_of_input(const store::Store& store) {
  if (::isatty(STDIN_FILENO) != 0)
    throw Error(Errc::usage, "standard input is a terminal").hint("docker save IMAGE | rkt image import -");
  const DirFd& partial = store.partial();
  UniqueFd copy(::openat(partial.get(), ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (!copy) {
    const std::string name = unique_name("file");
    copy = partial.open_file(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    partial.unlink(name);
  }
  std::string buffer(std::size_t{1} << 17, '\0');
  for (bool empty = true;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno != EINTR && errno != EAGAIN) throw Error::from_errno("read standard input");
    pollfd more{STDIN_FILENO, POLLIN, 0};
    if (n < 0 && errno == EAGAIN) ::poll(&more, 1, -1);  // somebody made it one that does not wait
    if (n < 0) continue;
    if (n == 0 && empty) throw Error(Errc::invalid, "standard input is empty");
    if (n == 0) return copy;
    write_all(copy.get(), std::string_view(buffer).substr(0, static_cast<std::size_t>(n)), "a copy of standard input");
    empty = false;
  }
}

Error unsigned_directory() {
  return {Errc::untrusted, "an image that is made from a directory has no signature (try --insecure-options=image)"};
}

}  // namespace

LayoutName parse_layout_name(const std::string& text) {
  const auto slash = text.rfind('/');
  const auto colon = text.find(':', slash == std::string::npos ? 0 : slash);
  LayoutName out{text.substr(0, colon), colon == std::string::npos ? std::string{} : text.substr(colon + 1)};
  if (out.name.empty() || (colon != std::string::npos && out.tag.empty()))
    throw Error(Errc::usage, cat("bad image name ", quoted(text), ", expected NAME or NAME:VERSION"));
  return out;
}

store::ImageRecord Finder::import(const std::string& source, const std::string& name) {
  std::optional<LayoutName> named;
  if (!name.empty()) named = parse_new_name(name);
  const std::string place = without_kind(source);
  if (const auto reference = name_on_input(place))
    return impl_->import_archive(copy_of_input(impl_->store), std::string(kStandardInput), *reference, named);
  Argument a;
  try {
    a = classify(cat("oci:", place), false, current_directory(), probe_path);
  } catch (const Error& e) {
    if (e.code() == Errc::not_found && ::access(place.c_str(), F_OK) == 0)
      throw Error(Errc::invalid, cat(quoted(place), " is neither a file nor a directory"));
    if (e.code() == Errc::not_found) throw Error(Errc::not_found, cat("no file or directory ", quoted(place)));
    throw;
  }
  impl_->last_file_size = 0;
  if (a.kind == Argument::Kind::layout_archive) {
    try {
      return impl_->find_layout_archive(a.text, a.reference, named);
    } catch (Error& e) {
      if (a.text.ends_with(".aci") && e.code() == Errc::invalid) e.hint(cat("an ACI is taken by: rkt fetch ", a.text));
      throw;
    }
  }
  const DirFd dir = DirFd::open(a.text);
  if (!dir.exists("oci-layout") && dir.exists("manifest")) {
    if (!a.reference.empty())
      throw Error(Errc::usage, cat(quoted(a.text), " holds one image, none to choose as ", quoted(a.reference)))
          .hint("another name is given by --name=NAME[:VERSION]");
    return in_place([&] { return quoted(a.text); }, [&] { return impl_->import_directory(dir, named); });
  }
  if (const auto plain = Layout::find_plain(dir)) {
    if (impl_->trust.required()) throw unsigned_directory();
    return impl_->import_layout(*plain, a.text, a.reference, false, named);
  }
  return impl_->find_layout(a.text, a.reference, named);
}

store::ImageRecord Finder::Impl::import_directory(const DirFd& dir, const std::optional<LayoutName>& named) {
  if (trust.required()) throw unsigned_directory();
  appc::ImageManifest manifest =
      in_context([] { return std::string("read the manifest"); },
                 [&] { return appc::parse_image_manifest(read_file(dir, "manifest", std::size_t{4} << 20)); });
  if (named) {
    manifest.name = named->name;
    std::erase_if(manifest.labels, [](const auto& label) { return label.name == "version"; });
    if (!named->tag.empty()) manifest.labels.insert(manifest.labels.begin(), {"version", named->tag});
  }
  const DirFd rootfs = dir.sub("rootfs");
  const KeyLock hold = store.hold_blobs();
  const std::string staging = unique_name("file");  // named like a download, for the sweep
  const KeyLock mine = KeyLock::take(store.locks(), staging, LockMode::exclusive);
  const ScopeExit cleanup([&] {
    ::unlinkat(store.partial().get(), staging.c_str(), 0);
    ::unlinkat(store.locks().get(), staging.c_str(), 0);
  });
  const UniqueFd file = store.partial().open_file(staging, O_RDWR | O_CREAT | O_EXCL, 0600);
  pack_aci({.trees = {&rootfs}, .manifest = appc::write(manifest)}, file.get(),
           [](std::string_view line) { log::note("image", line); });
  return import_aci(file.get(), staging, std::nullopt, {});
}

}  // namespace rkt::image
