// SPDX-License-Identifier: Apache-2.0
#include "sys/beside.h"

#include <sched.h>

#include "base/scope.h"

namespace rkt {
namespace {

extern "C" void* run_work(void* work) {
  (*static_cast<std::function<void()>*>(work))();
  return nullptr;
}

using Attributes = Owned<pthread_attr_t, &pthread_attr_destroy>;

}  // namespace

BesideThread::BesideThread(std::function<void()> work) : work_(std::move(work)) {
  cpu_set_t others;
  if (::sched_getaffinity(0, sizeof others, &others) < 0) return;
  const int own = ::sched_getcpu();
  if (own >= 0) CPU_CLR(static_cast<std::size_t>(own), &others);
  if (CPU_COUNT(&others) == 0) return;
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return;
  const Attributes destroyed(&attributes);
  runs_ = ::pthread_attr_setaffinity_np(&attributes, sizeof others, &others) == 0 &&
          ::pthread_create(&thread_, &attributes, run_work, &work_) == 0;
}

void BesideThread::join() {
  if (runs_)
    ::pthread_join(thread_, nullptr);
  else if (work_)
    work_();
  runs_ = false;
  work_ = nullptr;
}

}  // namespace rkt
