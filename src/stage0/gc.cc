// SPDX-License-Identifier: Apache-2.0
#include "stage0/gc.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "net/collect.h"
#include "pod/transition.h"
#include "tree/mount_pin.h"

namespace rkt::stage0 {
namespace {

using pod::State;

std::string duration_text(std::chrono::nanoseconds d) {
  const auto s = std::chrono::floor<std::chrono::seconds>(d).count();
  std::string out;
  if (s >= 3600) out += cat(s / 3600, "h");
  if (s >= 60) out += cat(s / 60 % 60, "m");
  return out + cat(s % 60, "s");
}

class Collector {
 public:
  Collector(store::Store& store, const pod::Pods& pods, const GcOptions& options)
      : store_(store), pods_(pods), options_(options) {}

  bool collect() {
    bool ok = pass("failed to rename exited pods", "run", [&](pod::Pod& p) { mark(p, "moving pod "); });
    ok &= pass("failed to rename incomplete prepared pods", "prepare",
               [&](pod::Pod& p) { mark(p, "moving failed prepare "); });
    if (options_.mark_only) return ok;
    ok &= pass("failed to rename expired prepared pods", "prepared",
               [&](pod::Pod& p) { mark(p, "moving expired prepared pod "); });
    ok &= pass("failed to empty exitedGarbage", "exited-garbage", [&](pod::Pod& p) { remove(p); });
    ok &= pass("failed to empty garbage", "garbage", [&](pod::Pod& p) { remove(p); });
    remove_dead_embryos();
    release_trees(store_, pods_, options_.err);
    const bool networks = collect_networks();
    return ok && !kept_ && networks;
  }

 private:
  // One pod that cannot be dealt with does not stop the others.
  template <class Each>
  bool pass(std::string_view failure, std::string_view place, Each&& each) {
    std::vector<Uuid> ids;
    try {
      ids = pods_.list_place(place);
    } catch (const Error& e) {
      options_.err(cat(failure, ": ", e.brief()));
      return false;
    }
    for (const auto& id : ids) {
      try {
        auto pod = pod::Pod::find(pods_, id);
        if (pod && pod::state_place(pod->state()) == place) each(*pod);
      } catch (const Error& e) {
        options_.err(e.brief());
      }
    }
    return true;
  }

  GcStep step_for(const pod::Pod& pod) const {
    return plan_gc_step(pod.state(), pod.changed(), std::chrono::system_clock::now(), options_);
  }

  void mark(pod::Pod& pod, std::string_view text) {
    if (step_for(pod) != GcStep::mark) return;
    options_.err(cat(text, quoted(pod.id().str()), " to garbage"));
    in_context([] { return std::string("rename error"); }, [&] { pod::mark_garbage(pods_, pod); });
  }

  void remove(pod::Pod& pod) {
    const std::string name = quoted(pod.id().str());
    const GcStep step = step_for(pod);
    if (step == GcStep::too_young)
      options_.err(
          cat("pod ", name, " not removed: still within grace period (", duration_text(options_.grace_period), ")"));
    if (step != GcStep::remove) return;
    options_.out(cat("Garbage collecting pod ", name));
    const Removal how{.local_config = options_.local_config, .debug = options_.debug, .note = options_.err};
    if (delete_pod(store_, pods_, pod, how) == Removed::kept) kept_ = true;
  }

  // Plugins give back what belongs to no pod: an attachment is a pod's until its files have gone.
  bool collect_networks() const {
    const auto owned = [&] {
      std::vector<net::Owned> out;
      for (const char* place : {"run", "exited-garbage"})
        for (const auto& id : pods_.list_place(place))
          if (const auto dir = pods_.dir(place).find_sub(id.str()))
            for (auto& o : net::find_owned(*dir, id)) out.push_back(std::move(o));
      return out;
    };
    try {
      return net::collect(options_.local_config, owned, options_.err);
    } catch (const Error& e) {
      options_.err(cat("networks are not collected: ", e.brief()));
      return false;
    }
  }

  // Whoever makes a pod holds the place while its directory is in it; when nobody does, what is there the dead left.
  void remove_dead_embryos() {
    const DirFd& place = pods_.dir("embryo");
    if (pods_.list_place("embryo").empty()) return;
    const auto alone = DirLock::try_take(place.sub(".").release(), LockMode::exclusive);
    if (!alone) return;
    for (const auto& id : pods_.list_place("embryo")) ::unlinkat(place.get(), id.str().c_str(), AT_REMOVEDIR);
  }

  store::Store& store_;
  const pod::Pods& pods_;
  const GcOptions& options_;
  bool kept_ = false;
};

}  // namespace

GcStep plan_gc_step(State state, pod::TimePoint changed, pod::TimePoint now, const GcOptions& options) {
  const auto old = [&](std::chrono::nanoseconds limit) { return now - changed >= limit; };
  switch (state) {
    case State::exited:
    case State::aborted_prepare:
      return GcStep::mark;
    case State::prepared:
      return !options.mark_only && old(options.expire_prepared) ? GcStep::mark : GcStep::leave;
    case State::exited_garbage:
      if (options.mark_only) return GcStep::leave;
      return old(options.grace_period) ? GcStep::remove : GcStep::too_young;
    case State::garbage:
      return options.mark_only ? GcStep::leave : GcStep::remove;
    case State::embryo:
    case State::preparing:
    case State::running:
    case State::exited_deleting:
    case State::deleting:
    case State::gone:
      return GcStep::leave;
  }
  return GcStep::leave;
}

bool is_past_patience(pod::TimePoint first_failure, pod::TimePoint now) {
  return now - first_failure >= std::chrono::hours(24);
}

void release_trees(const store::Store& store, const pod::Pods& pods,
                   const std::function<void(std::string_view)>& note) {
  if (!pods.empty()) return;
  try {
    tree::MountPin::release(store);
  } catch (const Error& e) {
    note(cat("mounts of trees stay: ", e.brief()));
  }
}

bool gc(store::Store& store, const pod::Pods& pods, const GcOptions& options) {
  return Collector(store, pods, options).collect();
}

}  // namespace rkt::stage0
