// SPDX-License-Identifier: Apache-2.0
// The pod or pods that a command line names: arguments (prefixes of UUIDs) or --uuid-file, never both.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "pod/pod.h"

namespace rkt::cmd {

/// What to resolve: the arguments, or the text of the file. Throws cli::UsageWanted for neither and for both, and
/// `unable to resolve UUID from file: …` (exit status `unreadable`) when the file cannot be read.
std::vector<std::string> pod_texts(const cli::Parsed& in, int unreadable = 254);

/// The text of a --uuid-file.
std::string read_uuid_file(const std::string& path);

/// Resolves and opens; failures begin with "problem retrieving pod".
pod::Pod open_pod(const pod::Pods& pods, const std::string& text);

}  // namespace rkt::cmd
