// SPDX-License-Identifier: Apache-2.0
// The pod or pods that a command line names: arguments (prefixes of UUIDs) or --uuid-file, never both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/env.h"
#include "pod/pod.h"

namespace rkt::cmd {

/// What to resolve: the arguments, or the text of the file. Throws cli::UsageWanted for neither and for both, and
/// `unable to resolve UUID from file: …` (exit status `unreadable`) when the file cannot be read.
std::vector<std::string> pod_texts(const cli::Parsed& in, int unreadable = 254);

/// The text of a --uuid-file.
std::string read_uuid_file(const std::string& path);

/// The app that --app names ("unable to find app: …"), else the only one of the pod ("unable to determine app name: …",
/// after the apps were listed when there are several).
std::string choose_app(const cli::Env& env, const cli::Parsed& in, const pod::Pod& pod);

/// Resolves and opens; failures begin with `frame`.
pod::Pod open_pod(const pod::Pods& pods, const std::string& text, std::string_view frame = "problem retrieving pod");

}  // namespace rkt::cmd
