// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/memory.h"

#include <elf.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdint>

namespace rkt::native {
namespace {

constexpr int kIdleMs = 50;  // longer than a pod lives that only starts and ends

struct Range {
  std::uintptr_t begin = 0, size = 0;
};

// The program's read-only segments: it is linked to a fixed place, so addresses in its headers are those in memory.
std::array<Range, 4> program_ranges() {
  std::array<Range, 4> out{};
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells the address as a number
  const auto* header = reinterpret_cast<const Elf64_Phdr*>(::getauxval(AT_PHDR));
  std::size_t n = 0;
  for (unsigned long i = 0; header != nullptr && i < ::getauxval(AT_PHNUM) && n < out.size(); ++i) {
    if (header[i].p_type != PT_LOAD || (header[i].p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = header[i].p_vaddr & ~(page - 1);
    const std::uintptr_t end = (header[i].p_vaddr + header[i].p_memsz) & ~(page - 1);
    if (end > begin) out[n++] = {begin, end - begin};
  }
  return out;
}

// Between the first call and the last nothing else may run: a touched page brings its neighbours with it.
[[gnu::noinline]] long release_and_wait(const std::array<Range, 4>& ranges, std::span<pollfd> events,
                                        const timespec* limit) {
  for (const auto& r : ranges)
    if (r.size != 0) ::syscall(SYS_madvise, r.begin, r.size, MADV_DONTNEED);
  return ::syscall(SYS_ppoll, events.data(), events.size(), limit, nullptr, 0);
}

}  // namespace

int poll_lean(std::span<pollfd> events, const Deadline& until) {
  int timeout_ms = -1;
  if (until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - std::chrono::steady_clock::now());
    timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX));
  }
  const bool first = timeout_ms < 0 || timeout_ms > kIdleMs;
  const int n = ::poll(events.data(), events.size(), first ? kIdleMs : timeout_ms);
  if (n != 0 || !first) return n;
  ::malloc_trim(0);
  const int left = timeout_ms - kIdleMs;
  const timespec limit{.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1'000'000L};
  return static_cast<int>(release_and_wait(program_ranges(), events, timeout_ms < 0 ? nullptr : &limit));
}

}  // namespace rkt::native
