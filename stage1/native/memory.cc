// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/memory.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

// The linker's own marks.
extern "C" const char __executable_start, etext;  // NOLINT(bugprone-reserved-identifier)

namespace rkt::native {

void release_memory() noexcept {
  ::malloc_trim(0);
  // The program's pages stay in the page cache; those that are needed again are mapped again, one by one.
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(&__executable_start);
  const auto end = reinterpret_cast<std::uintptr_t>(&etext) & ~(page - 1);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address range for the kernel
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace rkt::native
