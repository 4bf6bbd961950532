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

/// What a terminal takes bytes above 0x7f for. One of 8 bits finds the control characters 0x80 to 0x9f also inside of
/// characters of UTF-8.
enum class Charset { ascii, utf8 };

/// The text itself, for reading: control characters but tabs, marks that reorder what is shown, and bytes that are not
/// of the charset as \xNN for each byte. Everything else, also what is merely invisible, stays.
std::string visible(std::string_view text, Charset charset = Charset::utf8);

/// Whether every byte is part of a character of UTF-8.
bool is_utf8(std::string_view text) noexcept;

/// How many bytes at the end of `text` are the beginning of a character that may go on in the next piece.
std::size_t unfinished(std::string_view text) noexcept;

}  // namespace rkt
