// SPDX-License-Identifier: Apache-2.0
// Makes the trees of one image, from the bottom of its chain upwards, two at a time: while one layer is unpacked so is
// the next, as far as that goes without what is below it.
//
//   waiting --blob is stored, tree lock taken--> in progress --has what is below--> complete --lowest--> named
//
// A tree gets its name after all those below it. Of two layers that fail, the lower one's error counts, as if they had
// been unpacked one after the other.
#pragma once

#include <poll.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/store.h"
#include "sys/lock.h"
#include "sys/mount.h"
#include "tree/making.h"
#include "tree/render.h"

namespace rkt::tree {

/// Single-threaded programs only: it may go into a mount namespace of its own. Dropped: workers are killed and what
/// they made is removed, but for trees that have their names.
class Pipeline {
 public:
  using Make = std::function<std::unique_ptr<Maker>(const Step&, unpack::LayersBelow)>;
  Pipeline(store::Store& store, std::vector<Step> steps, const Options& options);
  Pipeline(store::Store& store, std::vector<Step> steps, const Options& options, Make make);
  ~Pipeline();
  Pipeline(Pipeline&&) = delete;

  /// To the end. Waits for locks, when nothing of its own is in progress.
  void run();

  // The same step by step, for who has other things to wait for. Locks are only tried, and the prepare lock is held
  // while something is in progress.
  void start();  ///< what can be started now: layers whose blobs are stored
  bool in_progress() const noexcept { return !running_.empty(); }
  void add_to(std::vector<pollfd>& wanted) const;  ///< what to wait for
  void serve();                                    ///< after poll(): takes what the workers have to say. Throws

  const std::vector<Step>& steps() const noexcept { return steps_; }

 private:
  enum class Patience { wait, try_only };
  struct Running {
    KeyLock lock;
    const Step* step;
    std::unique_ptr<Maker> maker;
    Old old = Old::gone;  // what is there under the tree's name
    bool complete = false;
    std::optional<Error> error;
  };
  void start(Patience patience);
  bool take_prepare(Patience patience);
  bool is_usable(const Step& step);
  bool start_next(Patience patience);
  void take_messages(Running& running);
  void go_on();

  store::Store& store_;
  Options options_;
  Make make_;
  std::vector<Step> steps_;
  std::size_t next_ = 0;                 // neither ready nor in progress
  std::optional<KeyLock> prepare_;       // nothing below is collected meanwhile
  std::optional<PrivateMounts> mounts_;  // of the trees below
  std::deque<Running> running_;          // lowest first
  std::set<std::string> checked_;        // their records held
};

}  // namespace rkt::tree
