// SPDX-License-Identifier: Apache-2.0
// run: everything of a pod that is made on the host, then the clone that becomes its pid 1, then outer.h's loop.
//
//   plan -> cgroups -> volumes and name files -> streams -> namespaces and networks -> clone -> (init.h) ...
//     -> the apps' cgroups ... -> networks and cgroups gone
//
// Killed anywhere: init dies with this process, the kernel closes the rest, and gc finds POD/cgroups and POD/netns,
// each written before what it names is made.
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "net/netns.h"
#include "net/network.h"
#include "stage1/common/process_limits.h"
#include "stage1/native/backing.h"
#include "stage1/native/commands.h"
#include "stage1/native/etc_files.h"
#include "stage1/native/from_caller.h"
#include "stage1/native/groups.h"
#include "stage1/native/handover.h"
#include "stage1/native/init.h"
#include "stage1/native/mutable_apps.h"
#include "stage1/native/namespaces.h"
#include "stage1/native/outer.h"
#include "stage1/native/outside.h"
#include "stage1/native/readiness.h"
#include "stage1/native/record.h"
#include "stage1/native/sockets.h"
#include "sys/file.h"
#include "sys/netlink.h"
#include "sys/ns.h"
#include "sys/pty.h"
#include "sys/rootless.h"
#include "sys/selinux.h"

namespace rkt::native {
namespace {

constexpr int kMetadataPort = 18112;
constexpr int kNotStarted = 254;

void warn(std::string_view text) { log::note("stage1", text); }

// Of a pod that could not be set up: its apps were not started.
void record_not_started() noexcept {
  try {
    const Pod pod = load_pod(LoadPod::may_be_empty);
    Record record(pod.dir, pod.stage1, {}, warn);
    const DirFd statuses = pod.stage1.sub("rkt/status");
    for (const auto& app : pod.apps)
      if (!statuses.exists(app.name()) && !statuses.exists(cat(app.name(), ".reserved")))
        record.ended(app.name(), kNotStarted);
  } catch (const std::exception& e) {
    log::debug("stage1", cat("the statuses of the apps are not recorded: ", e.what()));
  }
}

class PodRun {
 public:
  PodRun(RunOptions options, Inherited inherited)
      : options_(std::move(options)),
        lock_(std::move(inherited.lock)),
        pod_(load_pod(options_.mutable_pod ? LoadPod::may_be_empty : LoadPod::with_apps)),
        plan_(plan_pod(pod_, options_, is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO), warn)),
        devpts_(make_devpts(tty_group(plan_.users), plan_.selinux.files)) {
    std::vector<std::vector<SocketPort>> wanted;
    for (const auto& app : plan_.apps) wanted.push_back(app.sockets);
    sockets_ = give_sockets(std::move(inherited.sockets), wanted, socket_network(options_), warn);
    drop_forwards(sockets_, plan_.ports);
    auto& restrictions = options_.restrictions;
    restrictions.foreign_sockets =
        restrictions.capabilities && !plan_.users && options_.net.contained() && belong_to_ruled_network(sockets_);
    if (restrictions.foreign_sockets) withhold_network(plan_, warn);
  }

  int run() {
    const ScopeExit release([this] { clean_up(); });
    forbid_own_program(pod_.stage1);
    make_cgroups();
    for (const auto& app : plan_.apps) make_backing(pod_, app);
    write_names();
    make_streams();
    users_ = make_namespaces(options_);
    if (options_.net.contained()) make_network();
    if (!options_.mds_token.empty()) give_metadata_url();
    plan_app_mounts();
    make_syslogs();
    const int status = start();
    if (status == kNotStarted && !begun_ && !options_.mutable_pod) record_not_started();
    return status;
  }

 private:
  static DetachedMount make_devpts(gid_t group, const std::string& context) {
    const std::string gid = cat(group);
    return DetachedMount::make("devpts",
                               {{"newinstance", nullptr}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", gid.c_str()}},
                               MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, context);
  }

  void make_cgroups() {
    cgroup::Needs needs = plan_.limits.needs();
    for (const auto& app : plan_.apps) needs = needs | app.limits.needs();
    if (options_.mutable_pod) needs = cgroup::Needs::all();
    // A controller that is missing matters to the app that is limited by it.
    // So it does to who asked for a limit, where a user has no cgroup of his own.
    const bool quiet = options_.mutable_pod || (known_ids() != Ids::all && needs.names().empty());
    const auto say = [quiet](std::string_view text) {
      if (!quiet) return warn(text);
      log::debug("stage1", text);
    };
    cgroups_ = cgroup::PodCgroups::create(
        options_.uuid, needs, say,
        [record = std::make_shared<GrowingFile>(pod_.dir, "cgroups")](std::string_view state) { record->set(state); });
    cgroups_->limit_pod(plan_.limits);
    if (options_.mutable_pod || std::ranges::any_of(plan_.apps, &AppPlan::read_only_device)) cgroups_->make_limiting();
    cgroups_->set_owner(on_host(plan_.users, 0));
    for (const auto& app : plan_.apps) check_devices(app, *cgroups_);
    init_group_ = cgroups_->init();
    // Of one app everything in the pod is: supervisor.cc. What has its own processes takes them with it.
    if (plan_.apps.size() > 1 && plan_.restarts_need_cgroups() && !init_group_.tracks()) throw no_restarts();
  }

  // While init sets the pod up, who waits for the cgroups. Where they cannot be made it is of no use.
  void finish_while_init_works(const NewProcess& init, int control) {
    ScopeExit end([&] { (void)::syscall(SYS_pidfd_send_signal, init.pidfd.get(), SIGKILL, nullptr, 0); });
    write_identity();
    replace_file(pod_.dir, "subcgroup", cgroups_->subcgroup());
    for (const auto& app : plan_.apps) groups_.push_back(cgroups_->app(app.name, app.limits));
    if (!plan_.launches_later()) give_groups(control, groups_);  // from here on apps may run
    end.release();
  }

  void write_identity() const {
    const FileLabel label(plan_.selinux.files);
    native::write_identity(pod_, options_, plan_.hostname);
  }

  UniqueFd take_network() { return plan_.users ? dup_fd(users_.network.get()) : std::move(users_.network); }

  void make_network() {
    network_ = net::setup({.pod = pod_.dir,
                           .uuid = options_.uuid,
                           .networks = options_.net,
                           .local_config = options_.local_config,
                           .ports = plan_.ports,
                           .plugins = options_.external_plugins ? net::Plugins::external : net::Plugins::automatic,
                           .netns = [this] { return take_network(); }});
  }

  // Known only now: the host's address in the pod's network.
  void give_metadata_url() {
    const std::string host = options_.net.host() ? "127.0.0.1" : network_.gateway;
    if (!net::is_own_address(host))  // another machine would be told the token
      throw Error(
          Errc::unsupported,
          "no network of the pod has this host as its gateway, so that the pod could reach the metadata service");
    const std::string url = cat("http://", host, ":", kMetadataPort, "/", options_.mds_token);
    write_file(pod_.dir, kMetadataUrl, url, 0600);  // for enter
    for (auto& app : plan_.apps) set_variable(app.env, "AC_METADATA_URL", url);
  }

  void write_names() {
    const bool fallback = std::ranges::any_of(plan_.apps, [](const AppPlan& a) { return !a.has_hosts; });
    const FileLabel label(plan_.selinux.files);
    write_hosts(pod_, options_, plan_.hostname, fallback || options_.mutable_pod);
  }

  void plan_app_mounts() {
    const FileLabel label(plan_.selinux.files);
    resolv_ = write_resolv_conf(pod_, options_, network_.dns, network_.dns_network);
    for (const auto& app : plan_.apps) mounts_.push_back(mounts_of(app));
  }

  AppMountPlan mounts_of(const AppPlan& app) const {
    const EtcChoice etc{.resolv = options_.names.resolv,
                        .hosts = options_.names.hosts,
                        .generated_resolv = resolv_,
                        .app_has_hosts = app.has_hosts,
                        .read_only = app.read_only_root};
    auto files = plan_etc(etc);
    if (app.notifies)
      files.push_back({.kind = MountOp::Kind::bind,
                       .target = kAppNotifySocket,
                       .source = notify_source(app.name),
                       .writable = true});
    return {.name = app.name,
            .ops = plan_mounts({.volumes = app.volumes,
                                .app = app.name,
                                .protect_paths = plan_.protect_paths,
                                .console = plan_.terminal,
                                .files = std::move(files)}),
            .read_only_root = app.read_only_root,
            .context = app.file_context};
  }

  void make_streams() {
    if (plan_.terminal) {
      Pty pty = Pty::make(devpts_.fd());
      give_terminal(plan_.apps.front(), pty.slave.get());
      relay_.add_terminal(std::move(pty.master));
      stdio_.push_back({.in = dup_fd(pty.slave.get()), .out = dup_fd(pty.slave.get()), .err = std::move(pty.slave)});
    }
    const bool lines = plan_.apps.size() > 1 || is_terminal(STDOUT_FILENO);
    const DirFd devpts(dup_fd(devpts_.fd()));
    for (std::size_t i = 0; i < plan_.apps.size(); ++i) {
      const StreamContext context{.relay = relay_, .pod = pod_.dir, .index = i, .lines = lines, .devpts = devpts};
      if (!options_.interactive) {
        stdio_.push_back(make_stdio(plan_.apps[i], context));
        continue;
      }
      make_log(plan_.apps[i], context);
      if (!plan_.terminal) stdio_.push_back(interactive_pipes(plan_.apps[i]));
    }
  }

  void make_syslogs() {
    const FileLabel label(plan_.selinux.process, NewObject::socket);
    for (std::size_t i = 0; i < mounts_.size(); ++i) {
      syslogs_.push_back(relay_.syslog().open(i));
      mounts_[i].syslog = syslogs_.back().get();
    }
  }

  // Without a terminal they are as interactive as rkt's own.
  AppStdio interactive_pipes(const AppPlan& app) {
    AppStdio out;
    for (const int stream : {1, 2}) {
      Pipe pipe = Pipe::make();
      give_to(app, pipe.write_end.get());
      (stream == 1 ? out.out : out.err) = std::move(pipe.write_end);
      relay_.add_output(std::move(pipe.read_end), {.stream = stream});
    }
    Pipe pipe = Pipe::make();
    give_to(app, pipe.read_end.get());
    out.in = std::move(pipe.read_end);
    relay_.add_input(std::move(pipe.write_end));
    return out;
  }

  // What init must not keep: a pipe's end would hide the end of the other one, and a directory of the host is nothing
  // that a pod's process should hold.
  void give_up() {
    relay_.give_up();
    network_.user.forget();
    lock_.reset();
    cgroups_.reset();
    pod_.dir = DirFd();
    pod_.stage1 = DirFd();
    if (!plan_.launches_later()) return;
    stdio_.clear();
    sockets_.clear();
  }

  void expect_notifications(Readiness& readiness) const {
    const FileLabel label(plan_.selinux.files);
    for (std::size_t i = 0; i < plan_.apps.size(); ++i)
      if (plan_.apps[i].notifies) readiness.expect(pod_.dir, plan_.apps[i].name, i);
  }

  Record& keep_record() {
    return record_.emplace(pod_.dir, pod_.stage1, options_.restrictions,
                           [this](std::string_view text) { relay_.note(cat("stage1: ", text)); });
  }

  [[noreturn]] void become_init(UniqueFd parent, int control, int handover) {
    give_up();
    run_init({.plan = plan_,
              .mounts = mounts_,
              .devpts = std::move(devpts_),
              .parent = std::move(parent),
              .control = control,
              .handover = handover,
              .users = std::move(users_),
              .netns = std::move(network_.netns),
              .group = std::move(init_group_),
              .stdio = std::move(stdio_),
              .sockets = std::move(sockets_),
              .syslogs = std::move(syslogs_)});
  }

  // Clones init.
  int start() {
    Readiness readiness([this] { tell_ready(); });
    expect_notifications(readiness);
    auto [ours, theirs] = socket_pair();
    auto [taker, giver] = options_.mutable_pod ? socket_pair() : std::pair<UniqueFd, UniqueFd>();
    const UniqueFd signals = take_signals();
    if (plan_.launches_later()) make_sockets();
    auto self = open_pidfd(::getpid());
    const cgroup::Entry entry = init_group_.entry();
    const std::uint64_t spaces = CLONE_NEWPID | CLONE_NEWNS | (users_.user ? 0 : pod_namespaces(plan_));
    const NewProcess init = clone_process(spaces, entry.into);
    if (init.pid == 0) {
      ours.reset();
      taker.reset();
      readiness.give_up();
      become_init(std::move(*self), theirs.get(), giver ? giver.get() : -1);
    }
    syslogs_.clear();
    theirs.reset();
    giver.reset();
    finish_while_init_works(init, ours.get());
    std::unique_ptr<Outside> launcher = launch_from_here(init, ours.get());
    stdio_.clear();
    sockets_.clear();
    Record& record = keep_record();
    std::unique_ptr<MutableApps> apps;
    if (options_.mutable_pod) apps = serve_apps(taker.get(), std::move(*self), init, record);
    return supervise_from_outside({.relay = relay_,
                                   .signals = signals.get(),
                                   .init = init.pidfd.get(),
                                   .control = ours.get(),
                                   .apps_of_init = launcher || apps ? 0 : plan_.apps.size(),
                                   .on_started =
                                       [&](std::size_t app, int pid) {
                                         begun_ = true;
                                         record.started(plan_.apps.at(app), pid);
                                       },
                                   .on_ready = [&] { record.started_all(init.pid); },
                                   .on_begun = [&] { readiness.launched(); },
                                   .on_ended =
                                       [&](std::size_t app, int status, bool killed) {
                                         app_ended(app, status, killed);
                                         readiness.app_ended(app);
                                       },
                                   .on_restarts = [&](std::size_t app, int count) { app_restarts(app, count); },
                                   .on_over =
                                       [&] {
                                         if (cgroups_) cgroups_->remove_idle();
                                       },
                                   .apps = apps.get(),
                                   .launcher = launcher.get(),
                                   .readiness = &readiness});
  }

  // What an app gets each time must be there as long as it may be started, and pid 1 makes nothing for it then.
  void make_sockets() {
    if (!network_.netns || std::ranges::all_of(sockets_, &AppSockets::empty)) return;
    const FileLabel label(plan_.selinux.process, NewObject::socket);
    const NetnsScope scope = NetnsScope::enter(network_.netns.get());
    for (auto& sockets : sockets_) make_missing_sockets(sockets);
  }

  std::unique_ptr<Outside> launch_from_here(const NewProcess& init, int control) {
    if (!plan_.launches_later()) return nullptr;
    return std::make_unique<Outside>(
        OutsideInput{.plan = plan_,
                     .mounts = mounts_,
                     .groups = groups_,
                     .stdio = std::move(stdio_),
                     .sockets = std::move(sockets_),
                     .init = init.pidfd.get(),
                     .init_pid = init.pid,
                     .control = control,
                     .namespaces = pod_namespaces(plan_) | (network_.netns ? CLONE_NEWNET : 0)});
  }

  void app_ended(std::size_t app, int status, bool killed) {
    begun_ = true;
    const std::string& name = plan_.apps.at(app).name;
    if (killed && cgroups_) record_->oom_killed(name, oom_kills_before_[app], cgroups_->oom_kills(name));
    record_->ended(name, status);
    relay_.app_ended(app);
    end_leftovers(app);
  }

  void app_restarts(std::size_t app, int count) {
    record_->restarts(plan_.apps.at(app).name, static_cast<std::uint32_t>(count));
    kill_leftovers(app, &cgroup::Group::empty);
    if (cgroups_) oom_kills_before_[app] = cgroups_->oom_kills(plan_.apps[app].name);
  }

  void tell_ready() {
    record_->ready();
    notify_manager(cat("READY=1\nSTATUS=The pod runs.\nMAINPID=", ::getpid()));
  }

  static std::pair<UniqueFd, UniqueFd> socket_pair() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
      throw Error::from_errno("make a socket pair");
    return {UniqueFd(pair[0]), UniqueFd(pair[1])};
  }

  // What all apps share goes below S1, which nobody in the pod sees. Without it init has failed, and says why.
  std::unique_ptr<MutableApps> serve_apps(int taker, UniqueFd self, const NewProcess& init, Record& record) {
    const auto shared = take_over(taker, std::move(devpts_));
    if (!shared) return nullptr;
    shared->attach_below("stage1/rootfs");
    return std::make_unique<MutableApps>(
        MutablePod{.dir = pod_.dir,
                   .options = options_,
                   .cgroups = *cgroups_,
                   .relay = relay_,
                   .record = record,
                   .self = std::move(self),
                   .init = init.pidfd.get(),
                   .init_pid = init.pid,
                   .plan_mounts = [this](const AppPlan& app) { return mounts_of(app); }});
  }

  // What an app leaves behind ends with it. With the last app the whole pod does, which init's end sees to.
  void end_leftovers(std::size_t app) {
    if (++ended_ < groups_.size()) kill_leftovers(app, &cgroup::Group::kill_all);
  }

  void kill_leftovers(std::size_t app, void (cgroup::Group::*kill)() const) {
    try {
      (groups_[app].*kill)();
    } catch (const Error& e) {
      relay_.note(cat("stage1: app ", quoted(plan_.apps[app].name), ": ", e.brief()));
    }
  }

  // gc would do the same; addresses, ports and cgroups should not have to wait for it. Also after a start that failed.
  void clean_up() noexcept {
    attempt([&] {
      if (cgroups_) cgroups_->remove();
    });
    attempt([&] {
      if (options_.net.contained()) net::teardown(pod_.dir, options_.uuid, options_.local_config);
    });
  }

  template <class F>
  static void attempt(F&& release) noexcept {
    try {
      release();
    } catch (const std::exception& e) {
      warn(cat(e.what(), ", left to gc"));
    }
  }

  RunOptions options_;  // their restrictions with what the passed sockets ask for
  UniqueFd lock_;
  Pod pod_;
  PodPlan plan_;
  OwnedNamespaces users_;  // all with private users, else the network
  DetachedMount devpts_;
  std::optional<cgroup::PodCgroups> cgroups_;
  cgroup::Group init_group_;
  std::vector<cgroup::Group> groups_;
  bool begun_ = false;  // an app is on record
  std::size_t ended_ = 0;
  std::map<std::size_t, std::uint64_t> oom_kills_before_;  // in the earlier lives of an app
  net::Setup network_;
  bool resolv_ = false;  // S1 has a generated resolv.conf
  std::vector<AppMountPlan> mounts_;
  Relay relay_;
  std::optional<Record> record_;
  std::vector<AppStdio> stdio_;
  std::vector<AppSockets> sockets_;  // until init has them
  std::vector<UniqueFd> syslogs_;    // as those
};

}  // namespace

int run(const std::vector<std::string>& args) {
  RunOptions options = parse_run(args);
  if (const auto token = env("RKT_METADATA_TOKEN")) options.mds_token = *token;
  options.restrictions.selinux = {.process = env("RKT_SELINUX_CONTEXT").value_or(""),
                                  .files = env("RKT_SELINUX_MOUNT_CONTEXT").value_or("")};
  log::set_debug(options.debug);
  const bool apps_come_later = options.mutable_pod;  // and have records of their own
  stage1::raise_descriptor_limit();                  // of a pod with many apps, and many who attach
  try {
    return PodRun(std::move(options), Inherited::take()).run();
  } catch (const Error&) {
    if (!apps_come_later) record_not_started();
    throw;
  }
}

}  // namespace rkt::native
