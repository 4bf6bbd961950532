// SPDX-License-Identifier: Apache-2.0
#include "sys/beside.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "base/scope.h"
#include "base/strings.h"
#include "sys/fd.h"

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

// The kernel says how long it has run, and how long it has waited.
bool are_processors_busy() {
  const UniqueFd fd(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  char text[128];
  const ssize_t n = fd ? ::read(fd.get(), text, sizeof text) : 0;
  const auto words = split(std::string_view(text, n > 0 ? static_cast<std::size_t>(n) : 0), ' ');
  if (words.size() < 2) return false;
  const auto ran = parse_int<std::int64_t>(words[0]), waited = parse_int<std::int64_t>(words[1]);
  return ran && waited && *waited > *ran / 2;
}

BesideThread::BesideThread(std::function<void()> work, bool busy) : work_(std::move(work)) {
  cpu_set_t others;
  if (busy || has_few_descriptors() || ::sched_getaffinity(0, sizeof others, &others) < 0) return;
  const int own = ::sched_getcpu();
  if (own >= 0) CPU_CLR(static_cast<std::size_t>(own), &others);
  if (CPU_COUNT(&others) == 0) return;
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return;
  const Attributes destroyed(&attributes);
  ::mallopt(M_ARENA_MAX, 1);  // it takes little, and lives shortly: heap of its own would cost as much as the thread
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
