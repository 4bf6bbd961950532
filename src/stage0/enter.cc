// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "schema/appc/environment.h"
#include "schema/appc/image_manifest.h"
#include "stage0/call.h"
#include "stage0/labels.h"
#include "stage0/leader.h"
#include "stage0/mounts.h"
#include "stage0/stage0.h"
#include "stage0/users.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/mount.h"
#include "sys/pty.h"
#include "sys/userns.h"

namespace rkt::stage0 {
namespace {

// A place for the program that nobody can ever write to: an overlay without an upper layer, attached nowhere. Our
// stage1 makes it one that nobody executes, see stage1/native/sealed.h; another one may not.
UniqueFd unwritable(const tree::Tree& tree, const Stage1& stage1) {
  try {
    return tree::mount_read_only(tree);
  } catch (const Error& e) {
    const std::string text = cat("no overlay to execute the stage1's program from: ", e.brief());
    if (stage1.takes("own-root"))
      log::debug("stage0", text);  // it makes a copy of itself
    else
      log::note("stage0", cat("warning: the pod may reach the stage1's program: ", text));
    return {};
  }
}

void execute_from(Program& program, const UniqueFd& place, const Stage1& stage1, const std::string& entrypoint) {
  if (!place) return;
  program.exe = DirFd(dup_fd(place.get())).open_in_root(entrypoint, O_PATH);
  if (!stage1.takes("own-root")) return;
  program.argv.push_back(cat("--own-root=", place.get()));
  program.passed_fds.push_back(place.get());
}

struct DebugRoot {
  UniqueFd mount;
  KeyLock use;  // lives as long as who enters: no image gc takes the files away
};

// Rendered and mounted for this one command; where the app's users are private the files are theirs.
DebugRoot mount_debug_root(store::Store& store, const Stage1& stage1, const DirFd& pod,
                           const store::ImageRecord& image) {
  if (!stage1.takes("debug-root")) throw Error(Errc::unsupported, "the pod's stage1 cannot be entered with an image");
  const KeyLock trees = store::prepare_lock(store.data_path(), LockMode::shared);
  store.touch(image, std::chrono::system_clock::now());
  const auto users = find_range(pod);
  const UniqueFd user_namespace = users ? make_user_namespace(*users) : UniqueFd();
  const auto tree = tree::render(store, image);
  KeyLock use = tree::hold(store, tree.id);
  std::optional<PrivateMounts> mounts;
  if (tree.has_files()) mounts.emplace();
  tree::mount_files(tree);
  static const std::vector<std::string> kPlaces = {"dev/",     "proc/",     "sys/",           "tmp/",
                                                   "rkt/app/", "etc/hosts", "etc/resolv.conf"};
  return {
      .mount = tree::mount_with_places(
          tree, kPlaces, {.user_namespace = users ? user_namespace.get() : -1, .context = find_contexts(pod).files}),
      .use = std::move(use)};
}

// The image's own, as if it were an app: the app's names programs, libraries and secrets that are no business of tools.
std::vector<std::string> debug_environment(const store::ImageRecord& image, const std::string& app) {
  const auto manifest = appc::parse_image_manifest(image.manifest);
  auto out = appc::compose_environment(manifest.app ? manifest.app->environment : std::vector<appc::EnvVar>{});
  std::erase_if(out, [](const appc::EnvVar& v) { return v.name == "AC_APP_NAME" || v.name == "TERM"; });
  out.push_back({"AC_APP_NAME", app});
  out.push_back({"TERM", terminal_type()});
  return appc::as_strings(out);
}

void add_debug_root(Program& program, const DebugRoot& root, const EnterRequest& request) {
  program.argv.push_back(cat("--debug-root=", root.mount.get()));
  for (const auto& v : debug_environment(*request.debug_image, request.app))
    program.argv.push_back(cat("--debug-environment=", v));
  program.passed_fds.insert(program.passed_fds.end(), {root.mount.get(), root.use.fd()});
}

}  // namespace

[[noreturn]] void enter(store::Store& store, const pod::Pods& pods, const Uuid& id, const EnterRequest& request) {
  auto pod = pod::Pod::open(pods, id);
  if (pod.state() != pod::State::running)
    throw Error(Errc::invalid, cat("pod ", quoted(id.str()), " isn't currently running"));
  const int pid = in_context([&] { return cat("unable to determine the pid for pod ", quoted(id.str())); },
                             [&] { return wait_for_leader(pods, pod); });
  in_context([] { return std::string("enter failed"); },
             [&] {
               const Stage1 stage1 = Stage1::of(pod.dir());
               const std::string& entrypoint = stage1.entrypoint("enter");
               if (!request.user.empty() && !stage1.takes("user"))
                 throw Error(Errc::unsupported, "the pod's stage1 enters as the app's user only");
               std::optional<DebugRoot> debug_root;
               if (request.debug_image) debug_root = mount_debug_root(store, stage1, pod.dir(), *request.debug_image);
               const PodTree tree = open_stage1_tree(store, pod);
               const std::string path = pod.path(pods);
               if (needs_mount(tree.tree)) enter_private_mounts();
               Program program = plan_program(tree, path, entrypoint);
               const UniqueFd place = unwritable(tree.tree, stage1);
               execute_from(program, place, stage1, entrypoint);
               program.argv.push_back(cat("--pid=", pid));
               program.argv.push_back(cat("--appname=", request.app));
               if (!request.user.empty()) program.argv.push_back(cat("--user=", request.user));
               if (debug_root) add_debug_root(program, *debug_root, request);
               program.argv.emplace_back("--");
               program.argv.insert(program.argv.end(), request.command.begin(), request.command.end());
               exec_in_pod(program, path);
             });
  ::_exit(254);  // never reached: the body above does not return
}

}  // namespace rkt::stage0
