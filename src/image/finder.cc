// SPDX-License-Identifier: Apache-2.0
// Dispatch by kind of argument, what the store answers, and dependencies.
#include "image/finder.h"

#include <algorithm>
#include <set>

#include "base/base64.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/strings.h"
#include "image/dependencies.h"
#include "image/finder_impl.h"
#include "image/progress.h"

namespace rkt::image {
namespace {

constexpr std::size_t kMaxDependencies = 1000;

FetchOptions fetch_options(const config::Config& config, const Insecure& insecure) {
  FetchOptions out;
  out.insecure_tls = insecure.tls;
  out.allow_http = insecure.http;
  for (const auto& [host, auth] : config.auth) {
    if (auth.type == config::Auth::Type::basic)
      out.auth.push_back({host, "Basic " + base64_encode(cat(auth.user, ":", auth.password))});
    if (auth.type == config::Auth::Type::oauth) out.auth.push_back({host, "Bearer " + auth.token});
    if (auth.type == config::Auth::Type::aws) out.aws.push_back({host, auth.access_key, auth.secret_key, auth.region});
  }
  return out;
}

}  // namespace

store::TimePoint now() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

Error nothing_allowed(const std::string& what) {
  return {Errc::not_found, cat("unable to fetch ", what,
                               ": either image was not found in the store or store was disabled and "
                               "fetching from remote yielded nothing or it was disabled")};
}

Finder::Finder(store::Store& store, const keystore::Keystore* keys, const config::Config& config, FindOptions options)
    : impl_(new Impl{store,
                     keys,
                     config,
                     options,
                     TrustCheck(keys, options.insecure),
                     progress_printer(options.json_progress),
                     now(),
                     {},
                     RegistryDirectory(config),
                     0}) {}

Finder::~Finder() = default;

store::ImageRecord Finder::find(const Request& request) {
  impl_->started = now();
  store::ImageRecord image = impl_->held([&] { return impl_->find_argument(request); });
  if (impl_->options.with_dependencies) impl_->find_dependencies(image);
  return image;
}

bool is_gone(const Error& e) noexcept { return e.code() == Errc::not_found && e.sys_errno() == 0; }

std::string Finder::restore(const store::ImageRecord& image, const std::string& blob) {
  const auto places = impl_->store.remotes_of(image.key);
  if (places.empty()) throw Error(Errc::not_found, "nobody knows where it came from");
  const KeyLock hold = impl_->store.hold_blobs();
  impl_->store.set_blob_aside(blob);
  const ScopeExit settle([&] { impl_->store.settle_blob(blob); });
  std::optional<Error> why;
  for (const auto& place : places) {
    try {
      if (place.url.starts_with("docker://"))
        impl_->restore_docker(place.url.substr(9), image);
      else
        impl_->restore_aci(place.url, blob);
      if (impl_->store.find_blob(blob)) return place.url;
    } catch (const Error& e) {
      // That one place has it no longer says nothing while another cannot be asked.
      if (!why || is_gone(*why)) why = e;
    }
  }
  if (why) throw *why;
  throw Error(Errc::not_found, "it is no longer where it came from");
}

FetchClient& Finder::Impl::client() {
  if (client_slot) return *client_slot;
  OnWait on_wait;
  if (options.layer_user != nullptr) on_wait = [user = options.layer_user](int fd) { user->work_until(fd); };
  return client_slot.emplace(fetch_options(config, options.insecure), show, std::move(on_wait));
}

store::ImageRecord Finder::Impl::find_argument(const Request& request) {
  last_file_size = 0;
  const Argument a = classify(request.argument, options.ids_are_store_lookups, current_directory(), probe_path);
  const bool layers =
      a.kind == Argument::Kind::docker || a.kind == Argument::Kind::layout || a.kind == Argument::Kind::layout_archive;
  if (layers && !request.signature_file.empty())
    throw Error(Errc::usage, cat("--signature is for ACIs, and ", quoted(request.argument), " is none"))
        .hint("signatures of Docker and OCI images lie beside them, or in a lookaside directory of registries.d");
  switch (a.kind) {
    case Argument::Kind::id:
      return find_id(a.text);
    case Argument::Kind::name:
      return find_name(with_host_labels(appc::AppString::parse(a.text)), request.signature_file);
    case Argument::Kind::url:
      return find_url(a.text, request.signature_file);
    case Argument::Kind::file:
      return find_file(a.text, request.signature_file);
    case Argument::Kind::docker:
      return find_docker(a.text);
    case Argument::Kind::layout:
      return find_layout(a.text, a.reference);
    case Argument::Kind::layout_archive:
      return find_layout_archive(a.text, a.reference);
  }
  throw Error(Errc::bug, "an image argument of no kind");
}

store::ImageRecord Finder::Impl::find_id(const std::string& id) {
  auto found = store.find(id);  // mostly it is a whole one
  if (!found) found = store.find(store.resolve_id(id));
  if (!found) throw Error(Errc::not_found, "no image IDs found");
  if (trust.standing(*found) != Standing::accepted) throw trust.refusal_of(*found);
  log::debug("image", cat("using image from the store with hash ", found->key));
  return std::move(*found);
}

std::optional<Stored> Finder::Impl::standing_of(const std::optional<store::ImageRecord>& image,
                                                const store::RemoteRecord* row) const {
  if (!image) return std::nullopt;
  Stored out;
  out.standing = trust.standing(*image);
  if (row != nullptr) {
    out.cacheable = true;
    out.age = std::chrono::duration_cast<std::chrono::seconds>(now() - row->downloaded);
    out.max_age = std::chrono::seconds(row->max_age);
    if (options.pull == PullPolicy::update)
      out.complete =
          std::ranges::all_of(image->blobs, [&](const auto& blob) { return store.find_blob(blob).has_value(); });
  }
  return out;
}

std::optional<store::ImageRecord> Finder::Impl::stored_for(const std::optional<store::RemoteRecord>& row) const {
  return row ? store.find(row->key) : std::nullopt;
}

std::optional<store::ImageRecord> Finder::Impl::stored_meanwhile(
    const std::string& url, const std::optional<store::RemoteRecord>& before) const {
  const auto row = store.find_remote(url);
  const bool same = row && before && row->key == before->key && row->downloaded == before->downloaded;
  if (!row || (same && row->downloaded < started)) return std::nullopt;
  auto image = store.find(row->key);
  if (image && trust.standing(*image) == Standing::accepted) return image;
  return std::nullopt;
}

void Finder::Impl::record(store::ImageRecord image) {
  if (const auto before = store.find(image.key)) {
    image.tree_size = before->tree_size;
    if (image.signed_by.empty()) image.signed_by = before->signed_by;
  }
  store.hold_image(image.key);
  store.add(image);
}

void Finder::Impl::find_dependencies(const store::ImageRecord& image) {
  const auto list_of = [](const store::ImageRecord& r) {
    return in_context([&] { return cat("dependencies of image ", quoted(r.name)); },
                      [&] { return appc::parse_image_manifest(r.manifest).dependencies; });
  };
  if (image.kind != store::ImageKind::aci || !may_have_dependencies(image)) return;
  std::set<std::string> seen;
  std::vector<appc::Dependency> queue = list_of(image);
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::string what = cat(request_of(queue[i]).str(), " ",
                                 queue[i].image_id ? queue[i].image_id->str() : std::string{}, " ", queue[i].size);
    if (!seen.insert(what).second) continue;  // also what ends a cycle
    if (seen.size() > kMaxDependencies)
      throw Error(Errc::invalid, cat("image ", quoted(image.name), " has too many dependencies"));
    const appc::Dependency wanted = queue[i];
    const auto found =
        in_context([&] { return cat("dependency ", quoted(wanted.image_name), " of image ", quoted(image.name)); },
                   [&] { return held([&] { return find_dependency(wanted); }); });
    for (auto& next : list_of(found)) queue.push_back(std::move(next));
  }
}

store::ImageRecord Finder::Impl::find_dependency(const appc::Dependency& wanted) {
  last_file_size = 0;
  // A pinned image that is here already needs no look at the network, whatever its name resolves to now: there is no
  // newer one.
  if (wanted.image_id) {
    try {
      auto found = find_id(wanted.image_id->str());
      check_dependency(wanted, found, 0);
      return found;
    } catch (const Error& e) {
      if (e.code() != Errc::not_found) throw;
      log::debug("image", e.brief());
    }
  }
  store::ImageRecord found = find_name(request_of(wanted), {});
  check_dependency(wanted, found, last_file_size);
  return found;
}

}  // namespace rkt::image
