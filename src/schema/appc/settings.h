// SPDX-License-Identifier: Apache-2.0
// Annotations that tell stage1 how to run an app, and what they may say: coreos.com/rkt/stage2/…, which flags of an app
// write (kAppFlag), and kShmSize of the pod or of an app.
#pragma once

#include <cstdint>
#include <string_view>

#include "schema/appc/types.h"

namespace rkt::appc {

inline constexpr std::string_view kShmSize = "coreos.com/rkt/stage1/shm-size";
inline constexpr std::uint64_t kLeastLogSize = std::uint64_t{64} << 10;

// They throw Errc::invalid, and say what is wrong with which value.
std::int64_t parse_shm_size(std::string_view text);   ///< bytes
std::uint64_t parse_log_size(std::string_view text);  ///< bytes of one file
std::uint32_t parse_log_files(std::string_view text);
void check_stream_mode(std::string_view stream, std::string_view mode);  ///< `stream`: stdin, stdout, stderr
/// What another name says is nobody's business here.
void check_setting(const Annotation& annotation);

}  // namespace rkt::appc
