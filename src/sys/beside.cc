// SPDX-License-Identifier: Apache-2.0
#include "sys/beside.h"

#include <sched.h>
#include <sys/resource.h>

#include "base/scope.h"

namespace rkt {
namespace {

// What was not done is done by join().
extern "C" void* run_work(void* work) {
  auto& wanted = *static_cast<std::function<void()>*>(work);
  if (::unshare(CLONE_FS) < 0) return nullptr;
  wanted();
  wanted = nullptr;
  return nullptr;
}

// Both sides need some at a time.
bool has_few_descriptors() {
  constexpr rlim_t kMany = 256;
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < kMany;
}

using Attributes = Owned<pthread_attr_t, &pthread_attr_destroy>;

}  // namespace

BesideThread::BesideThread(std::function<void()> work) : work_(std::move(work)) {
  cpu_set_t others;
  if (has_few_descriptors() || ::sched_getaffinity(0, sizeof others, &others) < 0) return;
  const int own = ::sched_getcpu();
  if (own >= 0) CPU_CLR(static_cast<std::size_t>(own), &others);
  if (CPU_COUNT(&others) == 0) return;
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return;
  const Attributes destroyed(&attributes);
  runs_ = ::pthread_attr_setaffinity_np(&attributes, sizeof others, &others) == 0 &&
          ::pthread_create(&thread_, &attributes, run_work, &work_) == 0;
}

void BesideThread::wait() {
  if (std::exchange(runs_, false)) ::pthread_join(thread_, nullptr);
}

void BesideThread::join() {
  wait();
  if (const auto work = std::exchange(work_, nullptr)) work();
}

}  // namespace rkt
