// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/aws.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>

#include "base/error.h"
#include "base/escapes.h"
#include "base/strings.h"
#include "sys/digest.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {
namespace {

constexpr std::string_view kService = "s3";

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size) == nullptr)
    throw Error(Errc::system, "sign with libcrypto");
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string time_text(std::chrono::system_clock::time_point now, const char* format) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  return {out.data(), std::strftime(out.data(), out.size(), format, &parts)};
}

// Each byte encoded in the one way that the signature knows, however the URL wrote it.
std::string canonical(std::string_view text) {
  return percent_encode(percent_decode(text).value_or(std::string(text)));
}

std::string canonical_path(std::string_view path) {
  std::string out;
  for (const auto part : split(path, '/')) out += cat("/", canonical(part));
  out.erase(0, 1);
  return out.empty() ? "/" : out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const auto pair : split(query, '&')) {
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    const auto value = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    parameters.emplace_back(canonical(pair.substr(0, equals)), canonical(value));
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters) out += cat(out.empty() ? "" : "&", name, "=", value);
  return out;
}

// The library leaves a default port out of the Host field.
std::string host_field(const Url& url) {
  const std::string_view usual = url.tls() ? ":443" : ":80";
  return url.authority.ends_with(usual) ? url.authority.substr(0, url.authority.size() - usual.size()) : url.authority;
}

}  // namespace

std::string aws_region(std::string_view host) {
  static constexpr std::string_view kAws = ".amazonaws.com", kDefault = "us-east-1";
  host = host.substr(0, host.find(':'));
  if (!host.ends_with(kAws)) return std::string(kDefault);
  host.remove_suffix(kAws.size());
  const auto parts = split(host, '.');
  const std::string_view last = parts.back();
  if (last == "s3" || last == "s3-external-1") return std::string(kDefault);
  if (last.starts_with("s3-")) return std::string(last.substr(3));
  if (parts.size() >= 2 && parts[parts.size() - 2] == kService) return std::string(last);
  return std::string(kDefault);
}

std::vector<std::string> aws_headers(const AwsKey& key, std::string_view url, const std::vector<std::string>& fields,
                                     std::chrono::system_clock::time_point now) {
  const Url place = parse_url(url);
  const std::string day = time_text(now, "%Y%m%d"), moment = time_text(now, "%Y%m%dT%H%M%SZ");
  const std::string region = key.region.empty() ? aws_region(place.authority) : key.region;
  const std::string nothing = sha256_hex({});

  std::map<std::string, std::string> signed_fields = {
      {"host", host_field(place)}, {"x-amz-content-sha256", nothing}, {"x-amz-date", moment}};
  for (const auto& line : fields)
    if (const auto colon = line.find(':'); colon != std::string::npos)
      signed_fields[lower(line.substr(0, colon))] = trim(std::string_view(line).substr(colon + 1));
  std::string canonical, names;
  for (const auto& [name, value] : signed_fields) {
    canonical += cat(name, ":", value, "\n");
    names += cat(names.empty() ? "" : ";", name);
  }

  const std::string_view rest = url.substr(url.find("://") + 3);
  const std::string_view target = rest.substr(std::min(rest.size(), rest.find_first_of("/?#")));
  const std::string_view plain = target.substr(0, target.find('#'));
  const auto question = plain.find('?');
  const std::string_view query = question == std::string_view::npos ? std::string_view{} : plain.substr(question + 1);
  const std::string request = cat("GET\n", canonical_path(plain.substr(0, question)), "\n", canonical_query(query),
                                  "\n", canonical, "\n", names, "\n", nothing);
  const std::string scope = cat(day, "/", region, "/", kService, "/aws4_request");
  const std::string text = cat("AWS4-HMAC-SHA256\n", moment, "\n", scope, "\n", sha256_hex(request));
  const std::string signing_key =
      hmac(hmac(hmac(hmac(cat("AWS4", key.secret), day), region), kService), "aws4_request");
  return {cat("x-amz-date: ", moment), cat("x-amz-content-sha256: ", nothing),
          cat("Authorization: AWS4-HMAC-SHA256 Credential=", key.id, "/", scope, ", SignedHeaders=", names,
              ", Signature=", hex_of(hmac(signing_key, text)))};
}

}  // namespace rkt::fetch
