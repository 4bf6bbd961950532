// SPDX-License-Identifier: Apache-2.0
// The five passes of gc (reference: pods §1.8). Names prove nothing, locks do: a pod moves only while nobody holds it. A problem with
// one pod is printed and the next one goes on.
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "stage0/remove.h"
#include "stage0/stage0.h"
#include "sys/lock.h"

namespace rkt::stage0 {
namespace {

using std::chrono::nanoseconds;

class Collector {
 public:
  Collector(store::Store& store, const pod::Pods& pods, const GcOptions& options) : store_(store), pods_(pods), options_(options) {}

  bool run() {
    bool ok = pass("failed to rename exited pods", "run", [&](const std::string& n) { mark(n, "run", "exited-garbage", "moving pod "); });
    ok &= pass("failed to rename incompletely prepared pods", "prepare", [&](const std::string& n) { mark(n, "prepare", "garbage", "moving failed prepare "); });
    ok &= pass("failed to rename embryos", "embryo", [&](const std::string& n) { forget_embryo(n); });
    if (options_.mark_only) return ok;
    ok &= pass("failed to rename expired prepared pods", "prepared", [&](const std::string& n) {
      if (age(pods_.dir("prepared"), n) > options_.expire_prepared) mark(n, "prepared", "garbage", "moving expired prepared pod ");
    });
    ok &= pass("failed to remove exited pods", "exited-garbage", [&](const std::string& n) { remove_exited(n); });
    ok &= pass("failed to remove garbage pods", "garbage", [&](const std::string& n) { remove(n); });
    return ok;
  }

 private:
  template <class Each>
  bool pass(std::string_view failure, const char* place, Each each) {
    std::vector<std::string> names;
    try {
      names = pods_.dir(place).names();
    } catch (const Error& e) {
      options_.err(cat(failure, ": ", e.brief()));
      return false;
    }
    for (const auto& name : names) {
      try {
        if (Uuid::parse(name)) each(name);
      } catch (const Error& e) {
        if (e.code() != Errc::not_found) options_.err(e.brief());  // gone meanwhile: somebody else collected it
      }
    }
    return true;
  }

  // Age of the pod directory's last change: being marked is one.
  static nanoseconds age(const DirFd& dir, const std::string& name) {
    struct stat st{};
    if (::fstatat(dir.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) throw Error::from_errno(cat("stat ", quoted(name)));
    const auto changed = std::chrono::seconds(st.st_ctim.tv_sec) + nanoseconds(st.st_ctim.tv_nsec);
    return std::chrono::system_clock::now().time_since_epoch() - changed;
  }

  void mark(const std::string& name, const char* from, const char* to, std::string_view what) {
    const auto lock = DirLock::try_take(pods_.dir(from).sub(name).release(), LockMode::exclusive);
    if (!lock) return;
    in_context([] { return std::string("rename error"); }, [&] { pods_.dir(from).rename(name, pods_.dir(to), name); });
    options_.err(cat(what, quoted(name), " to garbage"));
  }

  // A process that died between making the directory and taking its lock leaves an embryo. Its creator needs microseconds from one to
  // the other, so an unlocked one that is older than the grace given to prepared pods, or a minute, belongs to nobody.
  void forget_embryo(const std::string& name) {
    const auto lock = DirLock::try_take(pods_.dir("embryo").sub(name).release(), LockMode::exclusive);
    if (!lock) return;
    if (age(pods_.dir("embryo"), name) < std::min<nanoseconds>(options_.expire_prepared, std::chrono::minutes(1))) return;
    pods_.dir("embryo").rename(name, pods_.dir("garbage"), name);
  }

  void remove_exited(const std::string& name) {
    if (age(pods_.dir("exited-garbage"), name) >= options_.grace_period) return remove(name);
    options_.err(cat("pod ", quoted(name), " not removed: still within grace period (", options_.grace_text, ")"));
  }

  void remove(const std::string& name) {
    options_.out(cat("Garbage collecting pod ", quoted(name)));
    delete_garbage(store_, pods_, *Uuid::parse(name), options_.local_config, options_.debug);
  }

  store::Store& store_;
  const pod::Pods& pods_;
  const GcOptions& options_;
};

}  // namespace

bool gc(store::Store& store, const pod::Pods& pods, const GcOptions& options) { return Collector(store, pods, options).run(); }

}  // namespace rkt::stage0
