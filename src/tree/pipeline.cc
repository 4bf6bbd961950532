// SPDX-License-Identifier: Apache-2.0
#include "tree/pipeline.h"

#include "base/log.h"
#include "base/strings.h"

namespace rkt::tree {
namespace {

constexpr std::size_t kAtOnce = 2;  // a worker keeps more than one processor busy

void wait_for(std::vector<pollfd>& wanted, int milliseconds) {
  while (::poll(wanted.data(), wanted.size(), milliseconds) < 0)
    if (errno != EINTR) throw Error::from_errno("wait for the unpack workers");
}

bool is_readable(int fd) {
  std::vector<pollfd> one{{.fd = fd, .events = POLLIN, .revents = 0}};
  wait_for(one, 0);
  return one.front().revents != 0;
}

}  // namespace

Pipeline::Pipeline(store::Store& store, std::vector<Step> steps, const Options& options)
    : Pipeline(store, std::move(steps), options,
               [&store, form = options.backend](const Step& step, unpack::LayersBelow below) {
                 return std::make_unique<Making>(store, step, form, below);
               }) {}

Pipeline::Pipeline(store::Store& store, std::vector<Step> steps, const Options& options, Make make)
    : store_(store), options_(options), make_(std::move(make)), steps_(std::move(steps)) {}

Pipeline::~Pipeline() = default;

void Pipeline::run() {
  for (start(Patience::wait); in_progress(); start(Patience::wait)) {
    std::vector<pollfd> wanted;
    add_to(wanted);
    wait_for(wanted, -1);
    try {
      serve();
    } catch (Error& e) {
      add_remedy(store_, *running_.front().step, e);
      throw;
    }
  }
}

void Pipeline::start() { start(Patience::try_only); }

void Pipeline::start(Patience patience) {
  if (!take_prepare(patience)) return;
  while (running_.size() < kAtOnce && next_ < steps_.size() && start_next(patience)) {
  }
  if (!in_progress()) prepare_.reset();
}

// Whenever it was free, trees may have been collected.
bool Pipeline::take_prepare(Patience patience) {
  if (prepare_) return true;
  next_ = 0;
  if (patience == Patience::wait)
    prepare_ = store::prepare_lock(store_.data_path(), LockMode::shared);
  else
    prepare_ = store::try_prepare_lock(store_.data_path());
  return prepare_.has_value();
}

// What was found good once in this process is not looked at entry by entry again each time that layers have come.
bool Pipeline::is_usable(const Step& step) {
  Options options = options_;
  options.check &= !checked_.contains(step.id);
  if (!tree::is_usable(store_, step, options)) return false;
  checked_.insert(step.id);
  return true;
}

// False: not now.
bool Pipeline::start_next(Patience patience) {
  const Step& step = steps_[next_];
  if (!is_usable(step)) {
    if (patience == Patience::try_only && !store_.find_blob(step.blob)) return false;
    const std::string key = cat("tree-", step.id);
    auto lock = patience == Patience::wait && !in_progress()
                    ? KeyLock::take(store_.locks(), key, LockMode::exclusive)
                    : KeyLock::try_take(store_.locks(), key, LockMode::exclusive);
    if (!lock) return false;
    // Somebody else may have made it while this one waited.
    if (!is_usable(step)) {
      const auto below = in_progress() ? unpack::LayersBelow::later : unpack::LayersBelow::ready;
      const Old old = make_way(store_.trees(), step, options_);
      auto maker = make_(step, below);
      running_.push_back({.lock = std::move(*lock), .step = &step, .maker = std::move(maker), .old = old, .error = {}});
    }
  }
  ++next_;
  return true;
}

void Pipeline::add_to(std::vector<pollfd>& wanted) const {
  for (const auto& running : running_)
    if (!running.complete && !running.error)
      wanted.push_back({.fd = running.maker->fd(), .events = POLLIN, .revents = 0});
}

void Pipeline::serve() {
  for (auto& running : running_) take_messages(running);
  go_on();
}

void Pipeline::take_messages(Running& running) {
  try {
    while (!running.complete && !running.error && is_readable(running.maker->fd()))
      running.complete = running.maker->serve();
  } catch (const Error& e) {
    running.error = e;
  }
}

// The lowest has everything below it.
void Pipeline::go_on() {
  while (in_progress()) {
    Running& lowest = running_.front();
    if (lowest.error) throw Error(*lowest.error);
    if (!lowest.complete) {
      if (!lowest.maker->needs_below()) return;
      if (!mounts_ && tree_below(store_, *lowest.step).has_files()) mounts_.emplace();
      lowest.maker->give_below();
      return;
    }
    const std::string& id = lowest.step->id;
    if (lowest.old == Old::stands)
      replace_tree(store_.trees(), id, lowest.maker->take());
    else
      store_.trees().rename(lowest.maker->take(), store_.trees(), id);
    log::debug("tree", cat("rendered tree ", id, is_file(store_.trees(), id) ? " as a file" : ""));
    checked_.insert(id);
    running_.pop_front();
  }
}

}  // namespace rkt::tree
