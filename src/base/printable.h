// SPDX-License-Identifier: Apache-2.0
// Text of strangers (user ids of keys, names in manifests) on its way to a terminal or a log.
#pragma once

#include <string>
#include <string_view>

namespace rkt {

/// Valid UTF-8 without anything that moves the cursor, starts an escape sequence, ends the line or reorders what is
/// shown: control characters (C0, DEL, C1), line separators, bidirectional and zero-width marks each become "?", and so
/// does every byte that is not UTF-8. Cut before the character that would pass `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = std::string_view::npos);

/// The text itself, for reading: control characters but tabs, marks that reorder what is shown, and bytes that are not
/// UTF-8 as \xNN for each byte. Everything else, also what is merely invisible, stays.
std::string visible(std::string_view text);

}  // namespace rkt
