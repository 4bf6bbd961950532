// SPDX-License-Identifier: Apache-2.0
// Where the data directory is, and whether root may use it. Who can put something into root's, or another directory in
// its place, decides what root executes (the stage1 of each pod) and where links lead. Once the whole way there is
// root's alone, the path stays what it is and may be opened again by name.
#pragma once

#include <string>

namespace rkt::cli {

/// An absolute path with its links resolved; what is not there yet keeps its text. Throws Errc::not_found where it is a
/// link to what is not there.
std::string resolve_data_dir(const std::string& path);

/// For root of the host. `dir` is of resolve_data_dir(). Throws Errc::denied when another user owns the directory, one
/// above it, or its parts, or when everybody may write to one of them and it is not sticky. What a group may do is
/// what the administrator wants. What is not there, or is no directory, is left to who opens it.
void refuse_others(const std::string& dir);

}  // namespace rkt::cli
