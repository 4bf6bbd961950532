// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/discovery.h"

#include <functional>

#include "base/error.h"
#include "base/strings.h"
#include "worker/fetch/download.h"
#include "worker/fetch/meta.h"
#include "worker/fetch/protocol.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {
namespace {

constexpr std::size_t kMaxPage = std::size_t{1} << 20;
constexpr std::chrono::seconds kConnect{20};
// Where http is allowed, a port that does not speak TLS must not take longer than this to say so.
constexpr std::chrono::seconds kImpatientConnect{2};

class Walk {
 public:
  Walk(Session& session, Engine& engine) : session_(session), engine_(engine) {}

  // Calls `take` with the tags of each prefix's page that count for `name`, until it says that it found what it wants.
  void run(const std::string& name, const char* tag, const std::function<bool(const std::vector<MetaTag>&)>& take) {
    for (const auto& prefix : prefixes_of(name)) {
      std::vector<MetaTag> tags;
      if (const auto html = page(prefix))
        for (auto& found : meta_tags(*html))
          if (found.name == tag && prefix_matches(found.prefix, name)) tags.push_back(std::move(found));
      if (take(tags)) return;
      session_.debug(cat("meta tag '", tag, "' not found on ", prefix));
    }
    Error failed(Errc::not_found, "discovery failed");
    if (!last_.empty()) failed.hint(cat("last attempt: ", last_));
    throw failed;
  }

 private:
  std::optional<std::string> page(const std::string& prefix) {
    if (auto html = get("https", prefix)) return html;
    return session_.options().allow_http ? get("http", prefix) : std::nullopt;
  }

  std::optional<std::string> get(const char* scheme, const std::string& prefix) {
    const std::string url = cat(scheme, "://", prefix, "?ac-discovery=1");
    const Options& options = session_.options();
    try {
      const Url parsed = parse_url(url);
      ToMemory text(kMaxPage, {});
      Get get{.url = url,
              .authorization = {},
              .receiver = &text,
              .only_tls = !options.allow_http,
              .retries = 0,
              .connect_timeout = options.allow_http && parsed.tls() ? kImpatientConnect : kConnect};
      if (const auto own = options.auth.find(parsed.authority); parsed.tls() && own != options.auth.end())
        get.authorization = own->second;
      const Head head = engine_.run(get);
      if (head.status == 200) return text.text();
      last_ = cat(shown_url(url), ": expected a 200 OK got ", head.status);
    } catch (const Error& e) {
      if (e.code() == Errc::bug || e.code() == Errc::system) throw;
      last_ = e.brief();
    }
    session_.debug(last_);
    return std::nullopt;
  }

  Session& session_;
  Engine& engine_;
  std::string last_;  // what the last page that could not be had died of
};

std::optional<Endpoints> render(const MetaTag& tag, const std::string& name,
                                const std::map<std::string, std::string>& labels) {
  auto aci = render_template(tag.target, name, labels, "aci");
  auto asc = render_template(tag.target, name, labels, "aci.asc");
  if (!aci || !asc || aci->size() > kMaxField || asc->size() > kMaxField) return std::nullopt;
  return Endpoints{*std::move(aci), *std::move(asc)};
}

}  // namespace

Endpoints discover_image(Session& session, Engine& engine, const std::string& name,
                         const std::map<std::string, std::string>& labels) {
  Endpoints out;
  Walk(session, engine).run(name, "ac-discovery", [&](const std::vector<MetaTag>& tags) {
    for (const auto& tag : tags)
      if (auto found = render(tag, name, labels)) {
        out = *std::move(found);
        return true;
      }
    return false;
  });
  return out;
}

std::vector<std::string> discover_keys(Session& session, Engine& engine, const std::string& name) {
  std::vector<std::string> out;
  Walk(session, engine).run(name, "ac-discovery-pubkeys", [&](const std::vector<MetaTag>& tags) {
    for (const auto& tag : tags)
      if (out.size() < kMaxKeys) out.push_back(tag.target);
    return !out.empty();
  });
  return out;
}

}  // namespace rkt::fetch
