// SPDX-License-Identifier: Apache-2.0
// -> running, and the hand-over to stage1. This is the path of a pod's start: nothing is synced, nothing is written
// twice.
//
//   call planned -> rename to run/ -> private mounts -> stage1 attached -> apps attached -> files for stage1 -> exec
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/network.h"
#include "pod/transition.h"
#include "stage0/app_root.h"
#include "stage0/entrypoint.h"
#include "stage0/exec.h"
#include "stage0/labels.h"
#include "stage0/metadata.h"
#include "stage0/mounts.h"
#include "stage0/name_service.h"
#include "stage0/port_claim.h"
#include "stage0/stage0.h"
#include "stage0/trees.h"
#include "stage0/users.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "sys/rootless.h"

namespace rkt::stage0 {
namespace {

struct Start {
  std::vector<std::string> apps;
  std::string entrypoint;
  RunCall call;
  NameService names;
  std::string stage1_tree;
  bool overlay = false;
  std::optional<IdRange> users;
  tree::Options trees;
  Looked looked = Looked::not_yet;  // at the trees
  SelinuxContexts contexts;
  bool host_mounts = false;    // stage1 takes the mount namespace that rkt was called in
  bool volatile_root = false;  // stage1 needs nothing that it writes but what is below rkt/ when the pod has ended
  bool quiet_token = false;    // stage1 takes the token of the metadata service from its environment
};

// Everything that can be wrong is found here, before the pod changes its state.
Start plan_start(const DirFd& pod, const Uuid& id, const appc::PodManifest& manifest, const RunOptions& options) {
  Start s;
  for (const auto& app : manifest.apps) s.apps.push_back(app.name.str());
  if (s.apps.empty() && !options.mutable_pod) throw Error(Errc::invalid, "pod must contain at least one application");
  if (options.interactive && s.apps.size() > 1)
    throw Error(Errc::usage, "interactive option only supports pods with one app");
  s.names = plan_name_service(options);
  s.users = find_range(pod);
  const Stage1 stage1 = Stage1::of(pod);
  if (options.mutable_pod && !stage1.takes_mutable_pods())
    throw Error(Errc::unsupported, "stage1 does not support mutable pods");
  for (const auto& app : manifest.apps) stage1.check_app(app);
  s.entrypoint = stage1.entrypoint("run");
  s.call =
      plan_run_args(stage1, options, s.names.argument(), s.users ? std::optional(s.users->str()) : std::nullopt, id);
  std::ranges::move(stage1.unheeded(manifest), std::back_inserter(s.call.warnings));
  s.stage1_tree = read_file(pod, "stage1TreeStoreID", 4096);
  s.overlay = pod.exists("overlay-prepared");
  s.trees = options.trees;
  s.host_mounts = stage1.takes("host-mounts") && known_ids() == Ids::all;
  s.quiet_token = stage1.takes("metadata-token");
  s.volatile_root = stage1.takes("volatile-root");
  return s;
}

// A file of stage1 that stage0 writes: replaced if the image has one, links resolved inside the image.
void write_in_root(const DirFd& root, const std::string& dir, const std::string& name, const std::string& text) {
  const DirFd parent = root.make_path_in_root(dir);
  parent.unlink(name);
  write_file(parent, name, text, 0644);
}

void write_name_files(const DirFd& root, const NameService& names) {
  if (names.resolv == NameService::Mode::stage0) write_in_root(root, "etc", "rkt-resolv.conf", names.resolv_conf);
  if (names.hosts != NameService::Mode::stage0) return;
  std::optional<std::string> fallback;
  if (const auto fd = root.find_in_root("etc/hosts-fallback", O_RDONLY | O_NONBLOCK))
    fallback = read_all(fd->get(), "etc/hosts-fallback", 65536);
  write_in_root(root, "etc", "rkt-hosts", names.hosts_text(fallback));
}

// Of a pod that overlays them: stage1's, and one for each app.
struct Trees {
  PodTree stage1;
  std::vector<PodTree> apps;
};

Trees open_trees(store::Store& store, const DirFd& pod, const Start& s) {
  SharedKept kept;
  Trees out{.stage1 = open_tree(store, s.stage1_tree, s.trees, s.looked, &kept), .apps = {}};
  for (const auto& app : s.apps) out.apps.push_back(open_app_tree(store, pod, app, s.trees, s.looked, kept));
  return out;
}

std::vector<std::string> places_in_stage1(const std::vector<std::string>& apps) {
  std::vector<std::string> out{"etc"};
  for (const auto& app : apps) out.push_back(app_place(app));
  return out;
}

void attach_root(const PodTree& stage1, const DirFd& pod, const Start& s) {
  const auto places = places_in_stage1(s.apps);
  if (s.volatile_root && known_ids() == Ids::all && s.contexts.files.empty())
    attach_volatile_stage1(stage1, pod, places);
  else
    attach_stage1(stage1, pod, s.contexts.files, places);
}

// The pod's directory with everything attached, opened in the new mount namespace.
DirFd assemble(const std::string& pod_path, const Start& s, const std::optional<Trees>& trees) {
  enter_private_mounts();
  DirFd pod = DirFd::open(pod_path);
  std::optional<PrivateUsers> users;
  if (trees && s.users) users = {.range = *s.users, .user_namespace = make_user_namespace(*s.users)};
  if (trees)
    attach_root(trees->stage1, pod, s);
  else  // a mount of its own either way, which stage1 may restrict
    DetachedMount::copy(pod.get(), "stage1/rootfs").attach(pod.sub("stage1/rootfs").get());
  const DirFd root = pod.sub("stage1/rootfs");
  for (std::size_t i = 0; i < s.apps.size(); ++i) {
    if (trees)
      attach_app(pod, root, s.apps[i], make_app_mount(pod, s.apps[i], trees->apps[i], users ? &*users : nullptr));
    const FileOwner owner(s.users ? s.users->shift : 0);
    add_mtab(root, s.apps[i]);
  }
  write_name_files(root, s.names);
  // Last: that the pod has started is told by it. Readers outside look into the upper directory, so it has to exist
  // there even when the image has it.
  const DirFd status = root.make_path_in_root("rkt/status");
  if (trees && ::futimens(status.get(), nullptr) < 0) throw Error::from_errno("touch \"rkt/status\"");
  if (!trees) relabel(root, s.contexts.files);
  return pod;
}

[[noreturn]] void start(store::Store& store, const pod::Pods& pods, const NewPod& pod,
                        const appc::PodManifest& manifest, std::string_view from, const RunOptions& options) {
  const auto environment = own_environment();
  const int pid = ::getpid();
  check_passed(listen_fds(environment, pid));
  Start s = plan_start(pod.dir, pod.id, manifest, options);
  if (from == "prepare") s.looked = Looked::already;  // by prepare(), in this process
  s.contexts = in_context([] { return std::string("error initialising SELinux"); },
                          [&] { return give_contexts(pods, pod.dir); });
  const std::string token = options.mds_register ? register_metadata(pod.dir, pod.id, s.apps) : "";
  if (!token.empty() && !s.quiet_token) s.call.add_option(cat("--mds-token=", token));
  const std::string name = pod.id.str();
  auto ports = claim_ports(store, pods, pod.dir, options);
  in_context([] { return std::string("unable to transition to run"); },
             [&] { pods.dir(from).rename(name, pods.dir("run"), name); });
  ports.reset();
  for (const auto& warning : s.call.warnings) log::note("stage0", warning);
  const std::string path = cat(pods.path("run"), "/", name);
  log::debug("stage0", "Setting up stage1");
  std::optional<Trees> trees;
  if (s.overlay) trees = open_trees(store, pod.dir, s);
  const UniqueFd host_mounts = s.host_mounts ? own_mount_namespace() : UniqueFd();
  const DirFd inside = assemble(path, s, trees);
  const std::string root = cat(path, "/stage1/rootfs");
  Program program{.path = program_path(inside.sub("stage1/rootfs"), s.entrypoint),
                  .argv = {cat(root, s.entrypoint.starts_with('/') ? "" : "/", s.entrypoint)},
                  .env = run_environment(environment, pid, pod.lock.fd(), s.contexts),
                  .listen_fds = listen_fds(environment, pid),
                  .passed_fds = {pod.lock.fd()}};
  program.argv.insert(program.argv.end(), s.call.args.begin(), s.call.args.end());
  if (host_mounts) {
    program.passed_fds.push_back(host_mounts.get());
    program.env.push_back(cat("RKT_HOST_MOUNTS_FD=", host_mounts.get()));
  }
  // Everybody may read a command line.
  if (!token.empty() && s.quiet_token) program.env.push_back(cat("RKT_METADATA_TOKEN=", token));
  log::debug("stage0", cat("Pivoting to filesystem ", root));
  if (::fchdir(inside.get()) < 0) throw Error::from_errno(cat("change to ", quoted(path)));
  exec_program(program);
}

}  // namespace

[[noreturn]] void run(store::Store& store, const pod::Pods& pods, NewPod pod, const appc::PodManifest& manifest,
                      const RunOptions& options) {
  start(store, pods, pod, manifest, "prepare", options);
}

[[noreturn]] void run_prepared(store::Store& store, const pod::Pods& pods, const Uuid& id, const RunOptions& options) {
  const auto not_prepared = [&] { return Error(Errc::busy, cat("pod ", quoted(id.str()), " is not prepared")); };
  auto dir = pods.dir("prepared").find_sub(id.str());
  if (!dir) throw not_prepared();
  auto lock = pod::lock_unless_held(*dir);
  if (!lock || !pods.holds("prepared", id, *dir)) throw not_prepared();
  // What stage1 would find when the pod is prepared no more.
  const cni::NetList networks = networks_of(options);
  if (networks.contained()) net::check_networks(networks, options.local_config);
  const NewPod pod{.id = id, .dir = std::move(*dir), .lock = std::move(*lock)};
  const auto manifest = in_context([] { return std::string("cannot read pod manifest"); },
                                   [&] { return appc::parse_pod_manifest(read_file(pod.dir, "pod")); });
  start(store, pods, pod, manifest, "prepared", options);
}

}  // namespace rkt::stage0
