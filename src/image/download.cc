// SPDX-License-Identifier: Apache-2.0
#include "image/download.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "json/reader.h"
#include "sys/digest.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr int kRefreshMilliseconds = 250;
constexpr std::size_t kMaxSignature = std::size_t{1} << 20;

struct Info {
  std::string validator;
  std::uint64_t size = 0;
};

// Anything unexpected in it means: start again.
Info read_info(const DirFd& dir, const std::string& name) {
  const auto text = find_file_text(dir, name + ".info");
  if (!text) return {};
  try {
    const json::Value value = json::parse(*text);
    const json::Reader in(value, name);
    return {in.text_or("validator", ""), static_cast<std::uint64_t>(in.at("size").integer(0))};
  } catch (const Error& e) {
    log::debug("image", e.brief());
    return {};
  }
}

// What another user left under the same lock is theirs: each user has partial files of their own.
std::string partial_name(const std::string& source) { return cat(source, ".", ::geteuid()); }

// Shows another process's partial file growing until something in the directory is finished, or for a moment.
void watch_partial(const store::Store& store, int events, const std::string& source, const std::string& label,
                   const OnProgress& show) {
  const std::string name = partial_name(source);
  struct stat st{};
  if (::fstatat(store.partial().get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && show)
    show({label, static_cast<std::uint64_t>(st.st_size), read_info(store.partial(), name).size, false});
  pollfd p{events, POLLIN, 0};
  if (::poll(&p, 1, kRefreshMilliseconds) <= 0) return;
  char drain[4096];
  while (::read(events, drain, sizeof drain) > 0) {
  }
}

}  // namespace

std::string source_name(std::string_view kind, std::string_view text) {
  return cat(kind, "-", sha512_hex(text).substr(0, 64));
}

SourceLock take_source(const store::Store& store, const std::string& name, const std::string& label,
                       const OnProgress& show) {
  if (auto lock = KeyLock::try_take(store.locks(), name, LockMode::exclusive)) return {std::move(*lock), false};
  log::note("image", "another rkt instance is downloading this file, waiting...");
  const UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const std::string partial = cat(store.path(), "/partial");
  if (!events || ::inotify_add_watch(events.get(), partial.c_str(), IN_CLOSE_WRITE | IN_MOVED_FROM | IN_DELETE) < 0) {
    log::debug("image", "no file events: waiting without progress");
    return {KeyLock::take(store.locks(), name, LockMode::exclusive), true};
  }
  // The partial file tells how far the other one is; once it is gone only the moves into the store are left to wait
  // for.
  while (store.partial().exists(partial_name(name))) {
    watch_partial(store, events.get(), name, label, show);
    if (auto lock = KeyLock::try_take(store.locks(), name, LockMode::exclusive)) return {std::move(*lock), true};
  }
  return {KeyLock::take(store.locks(), name, LockMode::exclusive), true};
}

Partial::Partial(const store::Store& store, const std::string& source)
    : dir_(&store.partial()), name_(partial_name(source)), file_(dir_->open_file(name_, O_RDWR | O_CREAT, 0600)) {
  struct stat st{};
  if (::fstat(file_.get(), &st) < 0) throw Error::from_errno(cat("stat ", quoted(name_)));
  if (st.st_size == 0) return;
  const Info info = read_info(*dir_, name_);
  auto keep = static_cast<std::uint64_t>(st.st_size);
  // Complete but never used: ask for the last byte again, so that the server says whether it is still the same.
  if (info.size != 0 && keep >= info.size) keep = info.size - 1;
  if (info.validator.empty()) keep = 0;
  if (::ftruncate(file_.get(), static_cast<off_t>(keep)) < 0) throw Error::from_errno(cat("cut ", quoted(name_)));
  resume_from_ = keep;
  if (keep != 0) validator_ = info.validator;
}

void Partial::note(const GetHeaders& headers) {
  // A weak ETag says "equivalent", which is not enough for putting two halves together; the worker sends no other
  // than these in If-Range.
  const bool strong = headers.etag.starts_with('"');
  json::Object o;
  o.set("validator", strong ? headers.etag : headers.last_modified);
  o.set("size", headers.size);
  AtomicFile info(*dir_, name_ + ".info", 0600);
  write_all(info.fd(), json::write(json::Value(std::move(o))), name_);
  info.commit(AtomicFile::Sync::no);
}

void Partial::discard() noexcept {
  ::unlinkat(dir_->get(), name_.c_str(), 0);
  ::unlinkat(dir_->get(), (name_ + ".info").c_str(), 0);
}

void Partial::discard_unless_part_of(std::uint64_t size) noexcept {
  struct stat st{};
  if (::fstat(file_.get(), &st) < 0) return;
  if (st.st_size == 0 || (size != 0 && static_cast<std::uint64_t>(st.st_size) >= size)) discard();
}

GetReply download(FetchClient& client, Partial& partial, GetRequest request) {
  request.file = partial.file();
  request.resume_from = partial.resume_from();
  request.resume_validator = partial.validator();
  request.on_headers = [&](const GetHeaders& headers) { partial.note(headers); };
  try {
    return client.get(request);
  } catch (const Error&) {
    partial.discard_unless_part_of(0);
    throw;
  }
}

std::optional<std::string> download_text(FetchClient& client, const std::string& url, const std::string& label) {
  const UniqueFd file = memory_file("signature", {});
  GetRequest request;
  request.url = url;
  request.file = file.get();
  request.max_size = kMaxSignature;
  request.label = label;
  if (client.get(request).outcome == GetOutcome::deferred) return std::nullopt;
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a signature");
  return read_all(file.get(), url, kMaxSignature);
}

}  // namespace rkt::image
