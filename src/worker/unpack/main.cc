// SPDX-License-Identifier: Apache-2.0
// libexec/rkt/unpack: one request, one reply, the end. Descriptor 3 is the socket to rkt (protocol.h).
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <new>

#include "base/error.h"
#include "base/strings.h"
#include "sys/channel.h"
#include "sys/file.h"
#include "sys/rootless.h"
#include "worker/unpack/aci.h"
#include "worker/unpack/directory_tree.h"
#include "worker/unpack/erofs_tree.h"
#include "worker/unpack/hasher.h"
#include "worker/unpack/oci.h"
#include "worker/unpack/pack.h"
#include "worker/unpack/protocol.h"
#include "worker/unpack/sandbox.h"

namespace rkt::unpack {
namespace {

constexpr std::size_t kMaxRequest = std::size_t{256} << 20;

// A request with its descriptors sorted into their roles.
struct Job {
  Request request;
  std::vector<UniqueFd> files, targets, lowers;
};

Job receive(Channel& channel) {
  auto message = channel.receive();
  if (!message || message->text != kRequestMessage || message->fds.empty())
    throw Error(Errc::invalid, "expected an unpack request");
  auto& fds = message->fds;
  Job job{.request = parse_request(read_all(fds.front().get(), "unpack request", kMaxRequest)),
          .files = {},
          .targets = {},
          .lowers = {}};
  const std::size_t files = job.request.archives.size();
  const Target target = target_of(job.request);
  const std::size_t targets = target == Target::none ? 0 : target == Target::tree_file ? 2 : 1;
  if (fds.size() < 1 + files + targets) throw Error(Errc::invalid, "unpack request lacks descriptors");
  auto next = fds.begin() + 1;
  for (std::size_t i = 0; i < files; ++i) job.files.push_back(std::move(*next++));
  for (std::size_t i = 0; i < targets; ++i) job.targets.push_back(std::move(*next++));
  for (; next != fds.end(); ++next) job.lowers.push_back(std::move(*next));
  return job;
}

void send_opaque_marks(Channel& channel, const DirectoryTree& tree) {
  for (const auto& path : tree.opaque_paths()) {
    const DirFd dir = tree.open_directory(path);
    channel.send(kOpaqueMessage, {dir.get()});
  }
}

// Of what rkt hands over only what is below can be reached: it is a mount that is attached nowhere.
DirFd ask_for_below(Channel& channel) {
  channel.send(kBelowMessage);
  auto message = channel.receive();
  if (!message || message->text != kBelowMessage || message->fds.size() != 1)
    throw Error(Errc::invalid, "expected the layers below");
  return DirFd(std::move(message->fds.front()));
}

Below below_of(Channel& channel, const Request& request) {
  if (request.below == LayersBelow::none) return {};
  return {[&channel] { return ask_for_below(channel); }, request.below == LayersBelow::later};
}

Reply unpack_into(Channel& channel, NewTree& tree, const Request& request, const std::vector<int>& files) {
  const bool layer = request.operation == Operation::unpack_layer;
  Staging staging(tree, layer ? Staging::Kind::layer : Staging::Kind::plain, below_of(channel, request));
  if (request.operation == Operation::unpack_acis) return unpack_acis(request, files, staging);
  if (request.operation == Operation::unpack_layout) return unpack_layout(files.at(0), request.limits, staging);
  if (request.operation == Operation::extract_aci) return extract_aci(files.at(0), request.limits, staging);
  return unpack_layer(files.at(0), request.archives.at(0), request.limits, staging);
}

// Who has one id alone owns everything. Asked for the first time while /proc is there.
bool keeps_owners() { return ::geteuid() == 0 && known_ids() != Ids::one; }

Reply make_directory_tree(Channel& channel, const Request& request, Inside inside, const std::vector<int>& files) {
  DirectoryTree tree(std::move(inside.target), keeps_owners());
  Reply reply = unpack_into(channel, tree, request, files);
  send_opaque_marks(channel, tree);
  return reply;
}

ErofsTree::Uuid uuid_of(const Request& request) {
  ErofsTree::Uuid uuid{};
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    const auto byte =
        parse_int<std::uint8_t>(std::string_view(request.uuid).substr(std::min(i * 2, request.uuid.size()), 2), 16);
    if (!byte) throw Error(Errc::invalid, "unpack request has a bad UUID");
    uuid[i] = *byte;
  }
  return uuid;
}

Reply make_tree_file(Channel& channel, const Job& job, const std::vector<int>& files) {
  ErofsTree tree(job.targets.at(0).get(), job.targets.at(1).get(), uuid_of(job.request));
  Reply reply = unpack_into(channel, tree, job.request, files);
  reply.tree_digest = tree.digest();
  reply.tree_size = tree.bytes();
  return reply;
}

// The trees, merged, are what is read; the only file is the manifest.
Reply pack(Channel& channel, const Job& job, const Inside& inside) {
  if (!inside.below) throw Error(Errc::invalid, "nothing to pack");
  const std::string manifest = read_all(job.files.at(0).get(), "manifest", kMaxManifest);
  return pack_aci(inside.below, manifest, job.request.shift, job.targets.at(0).get(),
                  [&](std::string_view line) { channel.send(cat(kNotePrefix, line)); });
}

Powers powers_for(const Request& request) {
  if (request.operation == Operation::pack_aci) return Powers::read_tree;
  switch (target_of(request)) {
    case Target::directory:
      return Powers::write_tree;
    case Target::tree_file:
      return Powers::read_tree;
    case Target::file:
    case Target::none:
      return Powers::none;
  }
  return Powers::none;
}

void serve(Channel& channel) {
  (void)keeps_owners();
  Job job = receive(channel);
  const Target target = target_of(job.request);
  Inside inside =
      enter_sandbox(target == Target::directory ? std::move(job.targets.at(0)) : UniqueFd(), std::move(job.lowers));
  drop_privileges(powers_for(job.request));
  if (job.request.operation == Operation::pack_aci) return channel.send(encode(pack(channel, job, inside)));
  std::vector<int> files;
  files.reserve(job.files.size());
  for (const auto& f : job.files) files.push_back(f.get());
  if (target == Target::directory)
    return channel.send(encode(make_directory_tree(channel, job.request, std::move(inside), files)));
  if (target == Target::tree_file) return channel.send(encode(make_tree_file(channel, job, files)));
  if (job.request.operation == Operation::decompress)
    return channel.send(encode(decompress(files.at(0), job.request.limits, job.targets.at(0).get())));
  if (job.request.operation == Operation::digest)
    return channel.send(
        encode(Reply{.digest = file_digest(files.at(0), Digest::parse(job.request.archives.at(0).digest))}));
  std::string manifest;
  const Reply reply = scan_aci(files.at(0), job.request.limits, manifest);
  channel.send(encode(reply), {memory_file("manifest", manifest).get()});
}

void report(Channel& channel, const Error& error) {
  try {
    channel.send(encode(error));
  } catch (const Error&) {
    // rkt is gone; nobody is left to tell.
    ::_exit(1);
  }
}

}  // namespace
}  // namespace rkt::unpack

int main() {
  ::umask(0);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that is too large is an error of write()
  // No configuration file: nothing outside the binary decides how digests are made, and the file is out of reach
  // anyway.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  rkt::Channel channel{rkt::UniqueFd(3)};
  try {
    rkt::unpack::serve(channel);
    ::_exit(0);  // the reply is out, and nothing is left to flush
  } catch (const rkt::Error& e) {
    rkt::unpack::report(channel, e);
  } catch (const std::bad_alloc&) {
    rkt::unpack::report(channel, rkt::Error(rkt::Errc::invalid, "archive needs more memory than unpacking may use"));
  } catch (const std::exception& e) {
    rkt::unpack::report(channel, rkt::Error(rkt::Errc::bug, rkt::cat("unpack: ", e.what())));
  }
  ::_exit(1);
}
