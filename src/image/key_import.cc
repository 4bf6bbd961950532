// SPDX-License-Identifier: Apache-2.0
#include "image/key_import.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "schema/appc/types.h"
#include "schema/oci/image.h"
#include "sys/file.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxKeyFile = std::size_t{1} << 20;
constexpr std::string_view kComponent = "pubkey";

struct KeyFile {
  std::string bytes;
  bool over_tls = false;
};

KeyFile download(FetchClient& client, const std::string& url) {
  const UniqueFd file = memory_file("public key", "");
  const GetReply reply =
      client.get({.url = url, .file = file.get(), .max_size = kMaxKeyFile, .label = "Downloading key"});
  if (reply.outcome != GetOutcome::complete) throw Error(Errc::busy, cat("bad HTTP status code: 202, URL: ", url));
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a memory file");
  return {.bytes = read_all(file.get(), url, kMaxKeyFile), .over_tls = reply.over_tls};
}

KeyFile read_location(FetchClient& client, const std::string& location, Source source) {
  if (source == Source::file) return {.bytes = read_file(location, kMaxKeyFile)};
  KeyFile key = download(client, location);
  key.over_tls = key.over_tls && source == Source::https;
  return key;
}

std::optional<std::string> line_from_terminal() {
  std::string line;
  for (char c = 0; line.size() < 1024;) {
    const ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    if (c == '\n') return line;
    line.push_back(c);
  }
  return line;
}

bool reviewed(const std::string& prefix, Source source, const Say& say) {
  if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1) return ask(say, line_from_terminal);
  const std::string where = prefix.empty() ? "--root" : cat("--prefix ", quoted(prefix));
  log::note(kComponent, cat("To trust the key for ", quoted(prefix), ", do one of the following:\n",
                            source == Source::https ? " - call rkt with --trust-keys-from-https\n" : "",
                            " - run: rkt trust ", where, "\n",
                            "   on a terminal, or with --skip-fingerprint-review once the fingerprint is known to be "
                            "the publisher's"));
  throw Error(Errc::denied, "error reviewing key: unable to ask user to review fingerprint due to lack of tty");
}

// An older copy of a key does not know what its owner has revoked since: it must not take the place of a newer one.
void check_revocations(const KeyInfo& key, const std::optional<keystore::TrustedKey>& stored) {
  if (!stored) return;
  std::vector<KeyInfo> known;
  try {
    known = inspect_keys(stored->bytes);
  } catch (const Error& e) {
    if (e.code() != Errc::invalid) throw;
    log::note(kComponent, cat(quoted(stored->path), " is damaged and replaced: ", e.brief()));
  }
  for (const auto& before : known)
    for (const auto& revoked : before.revoked)
      if (before.fingerprint == key.fingerprint && std::ranges::find(key.revoked, revoked) == key.revoked.end())
        throw Error(Errc::untrusted,
                    cat("an older copy of a key that is trusted already: it lacks the revocation of ", revoked))
            .hint(
                cat("get the publisher's current key; or remove ", quoted(stored->path), " to trust this one instead"));
}

// A file with one armored key is kept as its publisher wrote it; of others each key gets a file of its own.
void store(const keystore::Keystore& keys, const std::string& bytes, const std::vector<KeyInfo>& found,
           const std::string& prefix, const Say& say) {
  const bool as_is = found.size() == 1 && bytes.find("-----BEGIN PGP PUBLIC KEY BLOCK-----") != std::string::npos;
  for (const auto& key : found) check_revocations(key, keys.find_added(prefix, key.fingerprint));
  for (const auto& key : found) {
    const std::string path = keys.add(prefix, key.fingerprint, as_is ? bytes : key.armored);
    say(prefix.empty() ? cat("Added root key at ", quoted(path), "\n")
                       : cat("Added key for prefix ", quoted(prefix), " at ", quoted(path), "\n"));
  }
}

// A file that has none is named with its fault.
std::vector<KeyInfo> keys_in(const std::string& bytes, const std::string& location) {
  try {
    return inspect_keys(bytes);
  } catch (Error& e) {
    if (e.code() == Errc::invalid && e.remedy().empty())
      e.hint("accepted are OpenPGP keys and PEM files of one BEGIN PUBLIC KEY");
    throw e.at(quoted(location));
  }
}

void add_key(const keystore::Keystore& keys, FetchClient& client, const std::string& location,
             const TrustOptions& options, const Say& say) {
  const Source source = source_of(location, options.allow_http);
  const KeyFile file = read_location(client, location, source);
  const std::vector<KeyInfo> found = keys_in(file.bytes, location);
  log::note(kComponent, cat("prefix: ", quoted(options.prefix), "\nkey: ", quoted(location)));
  say(review_text(found));
  const bool spared = options.trust_https && (file.over_tls || (options.trust_http && source != Source::file));
  const bool unreviewed = options.skip_review || spared;
  if (!unreviewed && !reviewed(options.prefix, source, say)) {
    log::note(kComponent, cat("not trusting ", quoted(location)));
    return;
  }
  say(cat("Trusting ", quoted(location), " for prefix ", quoted(options.prefix), unreviewed ? " without" : " after",
          " fingerprint review.\n"));
  store(keys, file.bytes, found, options.prefix, say);
}

// Lower case; "": a path.
std::string scheme_in(std::string_view location) {
  const auto end = location.find("://");
  return end == std::string_view::npos ? std::string{} : lower(location.substr(0, end));
}

// stdout of a fetch is the image ID and nothing else, so that scripts can take it.
void say_on_stderr(std::string_view text) { write_all(STDERR_FILENO, text, "standard error"); }

}  // namespace

std::string grouped_fingerprint(std::string_view fingerprint) {
  std::string out;
  for (std::size_t i = 0; i < fingerprint.size(); ++i) {
    if (i > 0 && i % 4 == 0) out += i * 2 == fingerprint.size() ? "  " : " ";
    const char c = fingerprint[i];
    out.push_back(c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return out;
}

std::string review_text(const std::vector<KeyInfo>& keys) {
  std::string out;
  for (const auto& key : keys) {
    if (keystore::is_plain_key(key.fingerprint)) {
      out += cat("key fingerprint is: ", key.fingerprint, "\n");
      for (const auto& kind : key.identities) out += cat("\t", kind, "\n");
      continue;
    }
    out += cat("gpg key fingerprint is: ", grouped_fingerprint(key.fingerprint), "\n");
    for (const auto& subkey : key.subkeys) out += cat("    Subkey fingerprint: ", grouped_fingerprint(subkey), "\n");
    for (const auto& identity : key.identities) out += cat("\t", identity, "\n");
  }
  return out;
}

std::string name_prefix(const std::string& text) {
  const auto slash = text.find('/'), last = text.rfind('/');
  const std::string host = text.substr(0, slash);
  const auto colon = text.rfind(':');
  const bool tag = colon != std::string::npos &&
                   (last == std::string::npos ? !parse_int<std::uint16_t>(text.substr(colon + 1)) : colon > last);
  if (tag || text.find('@') != std::string::npos)
    throw Error(Errc::usage, cat("--prefix ", quoted(text), " names one version of an image"))
        .hint("a key is trusted for all versions: leave out what follows the name");
  const std::string hub = keystore::hub_name(text);
  if (hub != text) {
    if (slash == last && slash != std::string::npos && slash + 1 < text.size())
      log::note(kComponent,
                cat(quoted(text), " is what that user publishes; an official image is named docker.io/library",
                    text.substr(slash)));
    return hub;
  }
  if (host.find('.') != std::string::npos && lower(host) != host)  // hosts may be written in any case
    return name_prefix(cat(lower(host), text.substr(host.size())));
  if (host.find(':') == std::string::npos) return text;
  try {
    (void)oci::Reference::parse(slash == std::string::npos ? cat(text, "/any") : text);
  } catch (const Error&) {  // sanitize() takes whatever it is given
    throw Error(Errc::usage, cat("--prefix ", quoted(text), " is no name of a registry or of what is in it"))
        .hint("a prefix covers what is below it, has no slash at its end and no wildcards");
  }
  return appc::AcIdentifier::sanitize(text).str();
}

Source source_of(const std::string& location, bool allow_http) {
  const std::string scheme = scheme_in(location);
  if (scheme.empty()) return Source::file;
  if (scheme == "https") return Source::https;
  if (scheme != "http") throw Error(Errc::usage, "only local files and http or https URLs supported");
  if (!allow_http) throw Error(Errc::denied, "--insecure-allow-http required for http URLs");
  return Source::http;
}

void check_discovered(const std::string& location, const std::string& prefix) {
  const std::string scheme = scheme_in(location);
  if (scheme == "https" || scheme == "http") return;
  throw Error(Errc::untrusted, cat("the discovery page for ", quoted(prefix), " names the key ",
                                   quoted(printable(location, 200)), ", which is no http or https URL"))
      .hint("get the publisher's key another way, then: rkt trust --prefix=NAME FILE");
}

bool ask(const Say& say, const std::function<std::optional<std::string>()>& read_line) {
  for (;;) {
    say("Are you sure you want to trust this key (yes/no)?\n");
    const auto answer = read_line();
    if (!answer) throw Error(Errc::denied, "error reviewing key: error reading input: end of file");
    if (*answer == "yes") return true;
    if (*answer == "no") return false;
    say("Please enter 'yes' or 'no'\n");
  }
}

std::vector<std::string> discover_key_locations(FetchClient& client, const std::string& prefix) {
  if (prefix.empty()) throw Error(Errc::usage, "empty prefix");
  auto locations = client.discover_keys(prefix);
  if (locations.empty()) throw Error(Errc::not_found, cat("meta discovery on ", prefix, " resulted in no keys"));
  for (const auto& location : locations) check_discovered(location, prefix);
  return locations;
}

void add_keys(const keystore::Keystore& keys, FetchClient& client, const std::vector<std::string>& locations,
              const TrustOptions& options, const Say& say) {
  for (const auto& location : locations)
    in_context([&] { return cat("error accessing the key ", location); },
               [&] {
                 try {
                   add_key(keys, client, location, options, say);
                 } catch (Error& e) {
                   if (e.remedy().empty() && e.cause().find(location) == std::string::npos)
                     e.hint(cat("the key is ", quoted(location)));
                   throw;
                 }
               });
}

void trust_discovered_keys(const keystore::Keystore& keys, FetchClient& client, const std::string& name,
                           const Insecure& insecure, bool trust_keys_from_https) {
  const bool http = insecure.http && insecure.pubkey;
  if (insecure.pubkey) log::note(kComponent, "signing keys may be downloaded from an insecure connection");
  // Keys are fetched without credentials. The caller's client may fall back to http for images: where keys may not, the
  // discovery page is not its to fetch either.
  FetchClient plain({.insecure_tls = insecure.tls && insecure.pubkey, .allow_http = http}, [](const Progress&) {});
  const char* step = "error determining key location";
  try {
    const auto locations = discover_key_locations(insecure.http && !http ? plain : client, name);
    step = "error adding keys";
    const TrustOptions options{
        .prefix = name, .allow_http = http, .trust_https = trust_keys_from_https, .trust_http = http};
    add_keys(keys, plain, locations, options, say_on_stderr);
  } catch (Error& e) {
    e.push(step);
    log::note("image", log::debug_on() ? e.tree() : e.brief());
  }
}

}  // namespace rkt::image
