// SPDX-License-Identifier: Apache-2.0
// Builds small archives for the unit tests, and compresses them with the tools' own libraries.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "sys/file.h"

namespace rkt::unpack::test {

struct Member {
  std::string name;
  mode_t type = AE_IFREG;
  std::string content;  // or the target of a link
  mode_t mode = 0644;
  bool hard_link = false;
  std::int64_t mtime = 1'500'000'000;
};

inline Member file(std::string name, std::string content, mode_t mode = 0644) {
  return {.name = std::move(name), .content = std::move(content), .mode = mode};
}
inline Member dir(std::string name, mode_t mode = 0755) {
  return {.name = std::move(name), .type = AE_IFDIR, .mode = mode};
}
inline Member symlink(std::string name, std::string target) {
  return {.name = std::move(name), .type = AE_IFLNK, .content = std::move(target), .mode = 0777};
}
inline Member hard_link(std::string name, std::string target) {
  return {.name = std::move(name), .content = std::move(target), .hard_link = true};
}

/// The tar of `members`; `filter` is a compression program's name as libarchive knows it, or nullptr.
inline std::string tar_of(const std::vector<Member>& members, const char* filter = nullptr) {
  std::string out(std::size_t{4} << 20, '\0');
  std::size_t used = 0;
  archive* a = archive_write_new();
  archive_write_set_format_pax_restricted(a);
  if (filter != nullptr && archive_write_add_filter_by_name(a, filter) != ARCHIVE_OK) ADD_FAILURE() << filter;
  archive_write_open_memory(a, out.data(), out.size(), &used);
  for (const auto& m : members) {
    archive_entry* e = archive_entry_new();
    archive_entry_set_pathname(e, m.name.c_str());
    archive_entry_set_mode(e, m.type | m.mode);
    archive_entry_set_mtime(e, m.mtime, 0);
    if (m.hard_link) archive_entry_set_hardlink(e, m.content.c_str());
    if (m.type == AE_IFLNK) archive_entry_set_symlink(e, m.content.c_str());
    const bool content = m.type == AE_IFREG && !m.hard_link;
    if (content) archive_entry_set_size(e, static_cast<la_int64_t>(m.content.size()));
    const int written = archive_write_header(a, e);  // a warning: the name is no text in this locale
    EXPECT_TRUE(written == ARCHIVE_OK || written == ARCHIVE_WARN) << archive_error_string(a);
    if (content) archive_write_data(a, m.content.data(), m.content.size());
    archive_entry_free(e);
  }
  archive_write_free(a);
  out.resize(used);
  return out;
}

inline UniqueFd file_of(const std::string& bytes) { return memory_file("archive", bytes); }

/// What `body` throws, as one line; "no error" when it does not.
template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.brief();
  }
  return "no error";
}

}  // namespace rkt::unpack::test
