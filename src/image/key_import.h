// SPDX-License-Identifier: Apache-2.0
// Taking keys into the key store: finds them (discovery, URL, file), shows them, asks, stores. Shared by `rkt trust`
// and by the automatic discovery while an image is fetched by name. Differs from the reference: every key of a file
// that was shown and accepted is stored, not only its first, and a key that came over https never spares the review of
// the next one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/fetch_client.h"
#include "image/insecure.h"
#include "image/verify_client.h"
#include "keystore/keystore.h"

namespace rkt::image {

/// Receives the lines of a review, each with its newline.
using Say = std::function<void(std::string_view)>;

struct TrustOptions {
  std::string prefix;        ///< names whose images the keys may sign; "" = every image (root.d)
  bool allow_http = false;   ///< keys may come over http
  bool skip_review = false;  ///< no question for any key
  bool trust_https = false;  ///< no question for a key that came over https
  bool trust_http = false;   ///< with trust_https: nor for one that came over http
};

/// What discovery says about keys for `prefix`: http and https URLs. Throws when there are none, or others.
std::vector<std::string> discover_key_locations(FetchClient& client, const std::string& prefix);

/// Reads each location (local file, https or http URL), shows its keys, asks, and stores those that were accepted.
/// `client` should have no credentials: none are ever sent for keys. Throws at the first location that cannot be dealt
/// with.
void add_keys(const keystore::Keystore& keys, FetchClient& client, const std::vector<std::string>& locations,
              const TrustOptions& options, const Say& say);

/// The automatic discovery for an image that is fetched by name. Whatever goes wrong is said and not fatal: a key that
/// is trusted already may do. The caller has made sure that there are no keys for `name` yet. `client` serves the
/// discovery page.
void trust_discovered_keys(const keystore::Keystore& keys, FetchClient& client, const std::string& name,
                           const Insecure& insecure, bool trust_keys_from_https);

/// --prefix as names are in the store: what Docker writes ("127.0.0.1:5000/team", "docker.io/library") becomes the
/// name that such images get; anything else stays as it is.
std::string name_prefix(const std::string& text);

// The parts of a review, for tests.

/// "AAAA BBBB CCCC DDDD EEEE  FFFF …": upper case, groups of four, two blanks in the middle. Of an OpenPGP key.
std::string grouped_fingerprint(std::string_view fingerprint);
std::string review_text(const std::vector<KeyInfo>& keys);
enum class Source { file, http, https };
/// Throws for other URLs, and for http when that is not allowed.
Source source_of(const std::string& location, bool allow_http);
/// What a page on the network names as a key has to be an http or https URL: never a file of this machine. Throws.
void check_discovered(const std::string& location, const std::string& prefix);
/// Repeats the question until the answer is exactly "yes" or "no". `read_line`: nullopt at the end of input (an error).
bool ask(const Say& say, const std::function<std::optional<std::string>()>& read_line);

}  // namespace rkt::image
