// SPDX-License-Identifier: Apache-2.0
// One worker process a call. It is trusted with nothing but the directories it is given: what it reports about an image
// decides nothing that was not checked (digests are compared in the worker that reads the bytes; a worker that lies
// about them could as well have written other bytes, into a tree that is only as good as that worker).
#include "image/unpack_client.h"

#include <sys/xattr.h>

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "sys/channel.h"
#include "sys/file.h"
#include "sys/install.h"
#include "sys/rootless.h"
#include "sys/spawn.h"
#include "worker/unpack/protocol.h"

namespace rkt::image {
namespace {

using unpack::Operation;
using unpack::Reply;

struct Answer {
  Reply reply;
  std::vector<UniqueFd> fds;
};

unpack::Limits worker_limits(const UnpackLimits& l) {
  return {.bytes = l.bytes, .entries = l.entries, .ratio = l.ratio};
}

// The one privileged thing that the worker asks for. Harmless on any descriptor it could send: it only holds
// directories of the tree it writes, and those below through read-only mounts.
void mark_opaque(const Channel::Message& message) {
  if (message.fds.size() != 1) throw Error(Errc::bug, "unpack worker sent a wrong number of descriptors");
  const char* mark = known_ids() == Ids::all ? "trusted.overlay.opaque" : "user.overlay.opaque";
  if (::fsetxattr(message.fds.front().get(), mark, "y", 1, 0) < 0) throw Error::from_errno("mark a directory opaque");
}

using OnNote = std::function<void(std::string_view)>;

}  // namespace

// One running worker. Dropped: it is killed and waited for.
class UnpackWorker {
 public:
  UnpackWorker(const unpack::Request& request, const std::vector<int>& fds) {
    auto [ours, theirs] = Channel::make_pair();
    const std::string exe = cat(install_prefix(), "/libexec/rkt/unpack");
    child_.emplace(Child::spawn(
        {.exe = exe, .argv = {exe}, .env = pick_env({"ASAN_OPTIONS", "UBSAN_OPTIONS"}), .fds = {theirs.fd()}}));
    channel_.emplace(std::move(ours));
    const UniqueFd body = memory_file("unpack-request", unpack::encode(request));
    std::vector<int> all = {body.get()};
    all.insert(all.end(), fds.begin(), fds.end());
    channel_->send(unpack::kRequestMessage, all);
  }

  int fd() const noexcept { return channel_->fd(); }

  // The next message that is not dealt with here: the worker asks for what is below, or has answered.
  std::optional<Channel::Message> receive(const OnNote& note = {}) {
    auto message = channel_->receive();
    if (!message) throw_end();
    if (message->text == unpack::kOpaqueMessage)
      mark_opaque(*message);
    else if (note && message->text.starts_with(unpack::kNotePrefix))
      note(printable(message->text.substr(unpack::kNotePrefix.size())));
    else
      return message;
    return std::nullopt;
  }

  void give_below(int merged) { channel_->send(unpack::kBelowMessage, {merged}); }

 private:
  [[noreturn]] void throw_end() {
    const ExitStatus status = child_->wait();
    throw Error(Errc::system, status.signal != 0
                                  ? cat("unpack worker was killed by signal ", status.signal)
                                  : cat("unpack worker ended with status ", status.code, " and without an answer"));
  }

  std::optional<Child> child_;
  std::optional<Channel> channel_;
};

namespace {

Answer run_worker(const unpack::Request& request, const std::vector<int>& fds, const OnNote& note = {}) {
  UnpackWorker worker(request, fds);
  for (;;)
    if (auto message = worker.receive(note)) return {unpack::parse_reply(message->text), std::move(message->fds)};
}

void add_target(const TreeTarget& target, unpack::Request& request, std::vector<int>& fds) {
  if (target.directory != nullptr) return fds.push_back(target.directory->get());
  request.form = unpack::Form::erofs;
  request.uuid = target.uuid;
  fds.push_back(target.image);
  fds.push_back(target.scratch);
}

UnpackStats stats_of(const Reply& reply) {
  return {
      .bytes = reply.bytes, .entries = reply.entries, .tree_digest = reply.tree_digest, .tree_size = reply.tree_size};
}

}  // namespace

AciScan scan_aci(int file) {
  Answer answer = run_worker({.operation = Operation::scan_aci, .archives = {{}}}, {file});
  if (answer.fds.size() != 1) throw Error(Errc::bug, "unpack worker sent no manifest");
  // The position is shared with the worker, which may have left it anywhere.
  if (::lseek(answer.fds.front().get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind the manifest");
  return {.digest = answer.reply.digest,
          .manifest = read_all(answer.fds.front().get(), "manifest", unpack::kMaxManifest),
          .tar_size = answer.reply.tar_size,
          .compression = answer.reply.compression};
}

std::string digest_of(int file, const std::string& expected) {
  unpack::Request request{.operation = Operation::digest, .uuid = {}, .archives = {{}}};
  request.archives[0].digest = expected;
  return run_worker(request, {file}).reply.digest;
}

Unpacking::Unpacking(const std::vector<AciLayer>& layers, const TreeTarget& target, const UnpackLimits& limits) {
  unpack::Request request{.operation = Operation::unpack_acis, .limits = worker_limits(limits), .archives = {}};
  std::vector<int> fds;
  for (const auto& l : layers) {
    request.archives.push_back(
        {.digest = l.digest, .diff_id = "", .whitelist = l.whitelist, .upper_whitelist = l.upper_whitelist});
    fds.push_back(l.file);
  }
  add_target(target, request, fds);
  worker_ = std::make_unique<UnpackWorker>(request, fds);
}

Unpacking::Unpacking(const OciLayer& layer, const TreeTarget& target, const UnpackLimits& limits) {
  if (layer.media_type.ends_with("+encrypted"))
    throw Error(Errc::unsupported, cat("layer of type ", quoted(layer.media_type), " is encrypted"));
  unpack::Request request{
      .operation = Operation::unpack_layer,
      .below = layer.below,
      .limits = worker_limits(limits),
      .archives = {{.digest = layer.digest, .diff_id = layer.diff_id, .whitelist = {}, .upper_whitelist = {}}}};
  std::vector<int> fds = {layer.file};
  add_target(target, request, fds);
  worker_ = std::make_unique<UnpackWorker>(request, fds);
}

Unpacking::~Unpacking() = default;

int Unpacking::fd() const noexcept { return worker_->fd(); }

Unpacking::Event Unpacking::serve() {
  const auto message = worker_->receive();
  if (!message) return Event::none;
  if (message->text == unpack::kBelowMessage) return Event::needs_below;
  stats_ = stats_of(unpack::parse_reply(message->text));
  return Event::done;
}

void Unpacking::give_below(int merged) { worker_->give_below(merged); }

void unpack_layout_archive(int file, const DirFd& to, const UnpackLimits& limits) {
  run_worker({.operation = Operation::unpack_layout, .limits = worker_limits(limits), .archives = {{}}},
             {file, to.get()});
}

std::string decompress_to(int file, int out) {
  return run_worker({.operation = Operation::decompress, .archives = {{}}}, {file, out}).reply.digest;
}

void pack_aci(const PackedTree& tree, int out, const OnNote& note) {
  const UniqueFd manifest = memory_file("manifest", tree.manifest);
  std::vector<int> fds = {manifest.get(), out};
  for (const DirFd* dir : tree.trees) fds.push_back(dir->get());
  run_worker(
      {.operation = Operation::pack_aci, .shift = {.first = tree.first_user, .count = tree.users}, .archives = {{}}},
      fds, note);
}

void extract_aci(int file, const DirFd& to, const UnpackLimits& limits) {
  run_worker({.operation = Operation::extract_aci, .limits = worker_limits(limits), .archives = {{}}},
             {file, to.get()});
}

}  // namespace rkt::image
