// SPDX-License-Identifier: Apache-2.0
// rkt is a static program and loads nothing. SQLite refers to dlopen for extensions, which are never turned on; the
// linker sends it here (-Wl,--wrap=dlopen).
extern "C" void* __wrap_dlopen(const char*, int) { return nullptr; }  // NOLINT(bugprone-reserved-identifier)
