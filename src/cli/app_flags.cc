// SPDX-License-Identifier: Apache-2.0
#include "cli/app_flags.h"

#include <fcntl.h>

#include <algorithm>
#include <cctype>
#include <climits>
#include <iterator>
#include <limits>

#include "base/error.h"
#include "base/strings.h"
#include "pod/name.h"
#include "schema/appc/pid_mode.h"
#include "schema/appc/restart.h"
#include "schema/appc/settings.h"
#include "stage0/apps.h"
#include "sys/file.h"
#include "sys/signal_name.h"

namespace rkt::cli {
namespace {

Flag image_flag(Flag f) {
  f.per_image = true;
  return f;
}

Flag stage1_flag(Flag f) {
  f.only_one_of = "stage1";
  return unquoted(f);
}

Flag deprecated(Flag f, std::string_view hint) {
  f.deprecated = hint;
  return f;
}

void check_cpu(const std::string& v) {
  if (appc::Quantity::parse(v).milli < 0) throw Error(Errc::usage, "cpu limit must not be negative");
}

std::int64_t integer(const std::string& v) {
  const auto n = parse_int<std::int64_t>(v);
  if (!n) throw Error(Errc::usage, cat("strconv.Atoi: parsing ", quoted(v), ": invalid syntax"));
  return *n;
}

void check_range(std::string_view name, const std::string& v, std::int64_t min, std::int64_t max) {
  const auto n = integer(v);
  if (n < min || n > max) throw Error(Errc::usage, cat(name, " must be between ", min, " and ", max, ", got ", n));
}
void check_cpu_shares(const std::string& v) { check_range("os/linux/cpu-shares", v, 2, 262144); }
void check_oom(const std::string& v) { check_range("os/linux/oom-score-adj", v, -1000, 1000); }

void check_gids(const std::string& v) {
  for (const auto piece : split(v, ','))
    if (const auto gid = parse_int<std::uint32_t>(piece); !gid)
      throw Error(Errc::usage, "--supplementary-gids must be integers");
    else if (*gid == std::numeric_limits<std::uint32_t>::max())
      throw Error(Errc::usage, cat(*gid, " is no group number: the highest is ", *gid - 1));
}
void check_readonly(const std::string& v) {
  if (!parse_bool(v)) throw Error(Errc::usage, "--readonly-rootfs must be set with a boolean");
}
void check_text(const std::string& v) { require_text(v); }
void check_working_dir(const std::string& v) {
  require_text(v);
  if (!v.empty() && v[0] != '/') throw Error(Errc::usage, "workingDirectory must be an absolute path");
}
void check_pod_name(const std::string& v) { pod::PodName::parse(v); }
void check_volume(const std::string& v) {
  require_text(v);
  in_context([&] { return cat("invalid value in --volume flag ", quoted(v)); }, [&] { appc::Volume::parse_flag(v); });
}
void check_port(const std::string& v) { appc::ExposedPort::parse_flag(v); }
void check_mount(const std::string& v) { parse_mount(v); }
void check_set_env(const std::string& v) {
  const auto equals = v.find('=');
  if (equals == std::string::npos || equals == 0) throw Error(Errc::usage, "must be specified as key=value");
  if (!appc::valid_env_name(std::string_view(v).substr(0, equals)))
    throw Error(Errc::usage, cat("environment variable does not have valid identifier ", quoted(v.substr(0, equals))));
  require_text(v);
}
void check_stdin(const std::string& v) { appc::check_stream_mode("stdin", v); }
void check_stdout(const std::string& v) { appc::check_stream_mode("stdout", v); }
void check_stderr(const std::string& v) { appc::check_stream_mode("stderr", v); }
void check_log_size(const std::string& v) { (void)appc::parse_log_size(v); }
void check_log_files(const std::string& v) { (void)appc::parse_log_files(v); }
void check_restart(const std::string& v) { appc::parse_restart(v); }
void check_pid(const std::string& v) { appc::parse_pid_mode(v); }
void check_stop_signal(const std::string& v) {
  if (!parse_signal(v)) throw Error(Errc::usage, cat(quoted(v), " is no signal"));
}
void check_net(const std::vector<std::string>& values) { cni::NetList::parse(values); }
void check_environment(const std::string& v) { parse_pair("environment", v); }

// "%XX" and "+" are decoded, as the reference's query parser does for --mount.
std::string query_decoded(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto byte = s[i] == '%' ? parse_int<std::uint8_t>(s.substr(i + 1, 2), 16) : std::nullopt;
    if (byte && i + 2 < s.size()) {
      out.push_back(static_cast<char>(*byte));
      i += 2;
    } else {
      out.push_back(s[i] == '+' ? ' ' : s[i]);
    }
  }
  return out;
}

std::vector<std::string> comma_list(const std::string& v) {
  std::vector<std::string> out;
  for (const auto piece : split(v, ','))
    if (!piece.empty()) out.emplace_back(piece);
  return out;
}

// None is written as the empty name, as the reference does: a set in a manifest is not empty.
std::vector<std::string> capabilities(const std::string& v) {
  auto out = comma_list(v);
  if (out.empty()) out.emplace_back();
  return out;
}

// Empty: as if the flag were not there.
std::optional<std::string> find_override(const ImageArgs& in, std::string_view flag) {
  auto value = in.last(flag);
  if (value && value->empty()) return std::nullopt;
  return value;
}

appc::StringPairs pairs(const ImageArgs& in, std::string_view flag) {
  appc::StringPairs out;
  for (const auto& text : in.all(flag)) {
    auto [name, value] = parse_pair(flag, text);
    const auto it = std::find_if(out.begin(), out.end(), [&](const auto& p) { return p.first == name; });
    if (it == out.end())
      out.emplace_back(std::move(name), std::move(value));
    else
      it->second = std::move(value);
  }
  return out;
}

void set_annotation(std::vector<appc::Annotation>& to, const std::string& name, const std::string& value) {
  std::erase_if(to, [&](const appc::Annotation& a) { return a.name == name; });
  to.push_back({name, value});
}

// The name unquoted: scripts match it.
std::string read_named_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open ", path));
  return read_all(fd.get(), path);
}

void read_env_file(const std::string& path, std::vector<appc::EnvVar>& to) {
  const std::string text = read_named_file(path);
  for (const auto line : split(text, '\n')) {
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    const auto equals = line.find('=');
    const std::string where = cat("(file ", quoted(path), ")");
    if (equals == std::string_view::npos || equals == 0)
      throw Error(Errc::usage, cat("environment variable must be specified as name=value ", where));
    const std::string name(line.substr(0, equals));
    if (!appc::valid_env_name(name))
      throw Error(Errc::usage, cat("environment variable does not have valid identifier ", quoted(name), " ", where));
    if (std::ranges::find(to, name, &appc::EnvVar::name) != to.end())
      throw Error(Errc::usage, cat("environment variable ", quoted(name), " already set ", where));
    require_text(line, cat("environment variable ", quoted(name), " ", where, ": "));
    to.push_back({name, std::string(line.substr(equals + 1))});
  }
}

}  // namespace

Flag signature_flag() {
  return once(Flag::Once::image,
              image_flag(text("signature", "", "local signature file to use in validating the preceding image")));
}

// What becomes of an app's standard streams.
Flags stream_flags() {
  return {
      image_flag(checked(text("stdin", "", "standard input of the preceding image: null (default), stream, tty"),
                         check_stdin)),
      image_flag(checked(text("stdout", "", "standard output of the preceding image: log (default), null, stream, tty"),
                         check_stdout)),
      image_flag(checked(text("stderr", "", "standard error of the preceding image: log (default), null, stream, tty"),
                         check_stderr)),
      image_flag(
          checked(text("log-size", "", "size of a file of the preceding image's log; default 10Mi"), check_log_size)),
      image_flag(checked(text("log-files", "", "how many files of the preceding image's log are kept; default 5"),
                         check_log_files)),
  };
}

Flags app_flags() {
  Flag mount = image_flag(checked(
      list("mount", "mount point binding a volume to a path within an app: volume=NAME,target=PATH"), check_mount));
  mount.also_before = true;
  Flag readonly =
      image_flag(checked(text("readonly-rootfs", "", "if set, the app's rootfs is mounted read-only"), check_readonly));
  Flags out = {
      signature_flag(),
      once(Flag::Once::image,
           image_flag(checked(text("exec", "", "override the exec command of the preceding image"), check_text))),
      std::move(mount),
      image_flag(
          checked(text("memory", "", "memory limit of the preceding image, for example 50M"), stage0::check_memory)),
      image_flag(checked(text("cpu", "", "cpu limit of the preceding image, for example 500m"), check_cpu)),
      image_flag(
          checked(text("cpu-shares", "", "relative cpu weight of the preceding image, 2 to 262144"), check_cpu_shares)),
      image_flag(checked(
          text("user", "", "user of the preceding image: a name, a number, or the path of a file whose owner it is"),
          check_text)),
      image_flag(checked(
          text("group", "", "group of the preceding image: a name, a number, or the path of a file whose group it is"),
          check_text)),
      image_flag(
          checked(text("supplementary-gids", "", "supplementary group numbers of the preceding image"), check_gids)),
      image_flag(checked(text("caps-retain", "", "capabilities to retain in the preceding image"), check_text)),
      image_flag(checked(text("caps-remove", "", "capabilities to remove from the default set of the preceding image"),
                         check_text)),
      deprecated(image_flag(checked(text("cap-retain", "", ""), check_text)), "use --caps-retain instead"),
      deprecated(image_flag(checked(text("cap-remove", "", ""), check_text)), "use --caps-remove instead"),
      image_flag(
          checked(text("seccomp", "", "system call filter of the preceding image: mode=retain|remove[,errno=E…],NAME…"),
                  check_text)),
      image_flag(checked(text("oom-score-adj", "", "oom_score_adj of the preceding image, -1000 to 1000"), check_oom)),
      image_flag(text("name", "", "name of the preceding image's app in the pod")),
      image_flag(checked(text("working-dir", "", "working directory of the preceding image"), check_working_dir)),
      std::move(readonly),
      image_flag(
          checked(list("environment", "environment variable of the preceding image: NAME=VALUE"), check_environment)),
      image_flag(
          checked(text("restart", "no", "when the preceding image's app is started again: no, on-failure[:N], always"),
                  check_restart)),
      image_flag(checked(
          text("pid", "pod", "processes that the preceding image's app sees: pod (of all apps), private"), check_pid)),
      image_flag(checked(text("stop-signal", "", "what asks the preceding image's app to end; default: the image's"),
                         check_stop_signal)),
      image_flag(checked(list("annotation", "annotation of the preceding image's app: NAME=VALUE"), check_annotation)),
      image_flag(checked(list("user-annotation", "user annotation of the preceding image's app: NAME=VALUE"),
                         check_user_annotation)),
      image_flag(checked(list("user-label", "user label of the preceding image's app: NAME=VALUE"), check_user_label)),
  };
  std::ranges::move(stream_flags(), std::back_inserter(out));
  return out;
}

Flags pull_flags(std::string_view default_policy) {
  return {text("pull-policy", default_policy, "when to pull an image: \"never\", \"new\", \"update\""),
          deprecated(toggle("store-only", false, ""), "please use --pull-policy=never"),
          deprecated(toggle("no-store", false, ""), "please use --pull-policy=update")};
}

Flags pod_flags() {
  Flags out = {
      checked(list("volume", "volumes to make available in the pod"), check_volume),
      checked(list("port", "ports to expose on the host: NAME:[HOSTIP:]HOSTPORT"), check_port),
      toggle("inherit-env", false, "inherit all environment variables not set by apps"),
      once(Flag::Once::key,
           checked(list("set-env", "environment variable to set for all apps: NAME=VALUE"), check_set_env)),
      list("set-env-file", "file of environment variables to set for all apps"),
      toggle("no-overlay", false, "disable overlay filesystem"),
      toggle("private-users", false, "run within user namespaces"),
      checked(text("pod-name", "", "name of the pod, accepted wherever a UUID is"), check_pod_name),
      text("pod-manifest", "", "the path to the pod manifest; excludes most other flags"),
      stage1_flag(text("stage1-url", "", "URL of an image to use as stage1")),
      stage1_flag(text("stage1-path", "", "absolute or relative path of an image to use as stage1")),
      stage1_flag(text("stage1-name", "", "name of an image to use as stage1")),
      stage1_flag(text("stage1-hash", "", "hash of an image to use as stage1")),
      stage1_flag(text("stage1-from-dir", "", "file name of an image in the stage1 images directory to use as stage1")),
  };
  for (auto& f : pull_flags("new")) out.push_back(std::move(f));
  return out;
}

// Here rather than in stage1, which is asked when the pod is there: a prepared one stays prepared.
void check_ipc(const std::string& value) {
  if (!value.empty() && value != "auto" && value != "private" && value != "parent")
    throw Error(Errc::usage, cat("unknown value for --ipc parameter: ", value));
}

// What the kernel takes, and what is one word of a hosts file.
void check_hostname(const std::string& value) {
  const auto fits = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
  };
  if (value.size() > HOST_NAME_MAX || !std::ranges::all_of(value, fits) || value.starts_with('-') ||
      value.starts_with('.'))
    throw Error(
        Errc::usage,
        "a host name has at most 64 letters, digits, \"-\", \"_\" and \".\", and does not begin with \"-\" or \".\"");
}

Flags network_flags() {
  Flag net =
      list("net", "configure the pod's networking; optional list of networks with arguments: NAME[:ARG=VALUE,…]");
  net.bare = "default";
  net.optional_value = true;
  net.fallback = "default";
  net.check_all = check_net;
  return {std::move(net),
          text("net-plugins", "auto",
               "who sets networks up: \"auto\" (rkt itself where it can) or \"external\" (CNI plugins)"),
          list("dns", "name servers to write in /etc/resolv.conf; \"host\" or \"none\""),
          list("dns-search", "DNS search domains to write in /etc/resolv.conf"),
          list("dns-opt", "DNS options to write in /etc/resolv.conf"),
          text("dns-domain", "", "DNS domain to write in /etc/resolv.conf"),
          list("hosts-entry", "entries to add to /etc/hosts: IP=NAME; or \"host\""),
          checked_text(text("hostname", "", "pod's hostname; empty: rkt-UUID"), check_hostname),
          toggle("interactive", false, "run pod interactively; one app only"),
          toggle("mds-register", false, "register the pod with the metadata service"),
          checked_text(text("ipc", "", "whether to stay in the host IPC namespace: auto, private, parent"), check_ipc)};
}

void check_annotation(const std::string& v) {
  const auto [name, value] = parse_pair("annotation", v);
  appc::check_annotation({appc::AcIdentifier::parse(name).str(), value});
}
void check_user_annotation(const std::string& v) { parse_pair("user-annotation", v); }
void check_user_label(const std::string& v) { parse_pair("user-label", v); }

appc::EnvVar parse_pair(std::string_view flag, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw Error(Errc::usage, cat("invalid format of --", flag, " flag ", quoted(text)));
  require_text(text);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

appc::Mount parse_mount(const std::string& text) {
  appc::Mount m;
  std::vector<std::string> seen;
  for (const auto piece : split(text, ',')) {
    const auto equals = piece.find('=');
    const std::string key = query_decoded(piece.substr(0, equals));
    const std::string value = equals == std::string_view::npos ? "" : query_decoded(piece.substr(equals + 1));
    if (std::find(seen.begin(), seen.end(), key) != seen.end())
      throw Error(Errc::usage, cat("label ", key, " given more than once"));
    seen.push_back(key);
    require_text(value);
    if (key == "volume") {
      try {
        m.volume = appc::AcName::parse(value).str();
      } catch (const Error& e) {
        throw Error(Errc::usage,
                    cat("invalid volume name ", quoted(value), " in --mount flag ", quoted(text), ": ", e.cause()));
      }
    } else if (key == "target") {
      m.path = value;
    } else {
      throw Error(Errc::usage, cat("unknown mount parameter ", quoted(key)));
    }
  }
  if (m.volume.empty()) throw Error(Errc::usage, cat("no volume in --mount flag ", quoted(text)));
  if (m.path.empty() || m.path[0] != '/')
    throw Error(Errc::usage, cat("target in --mount flag ", quoted(text), " must be an absolute path"));
  return m;
}

stage0::AppRequest app_request(const ImageArgs& in) {
  stage0::AppRequest r;
  r.args = in.args;
  r.exec = find_override(in, "exec");
  r.name = in.last("name");
  r.working_dir = find_override(in, "working-dir");
  r.user = find_override(in, "user");
  r.group = find_override(in, "group");
  r.memory = in.last("memory");
  r.cpu = in.last("cpu");
  r.seccomp = in.last("seccomp");
  if (const auto v = in.last("cpu-shares")) r.cpu_shares = integer(*v);
  if (const auto v = in.last("oom-score-adj")) r.oom_score_adj = static_cast<int>(integer(*v));
  for (const auto* flag : {"caps-retain", "cap-retain"})
    if (const auto v = in.last(flag)) r.caps_retain = capabilities(*v);
  for (const auto* flag : {"caps-remove", "cap-remove"})
    if (const auto v = in.last(flag)) r.caps_remove = capabilities(*v);
  for (const auto& v : in.all("supplementary-gids")) {
    if (!r.supplementary_gids) r.supplementary_gids.emplace();
    for (const auto& gid : comma_list(v)) r.supplementary_gids->push_back(integer(gid));
  }
  r.read_only_rootfs = parse_bool(in.last("readonly-rootfs").value_or("false")).value_or(false);
  for (const auto& m : in.all("mount")) r.mounts.push_back(parse_mount(m));
  for (const auto& [name, value] : pairs(in, "environment")) {
    if (!appc::valid_env_name(name))
      throw Error(Errc::usage, cat("environment variable does not have valid identifier ", quoted(name)));
    r.environment.push_back({name, value});
  }
  for (const auto& [name, value] : pairs(in, "annotation"))
    r.annotations.push_back({appc::AcIdentifier::parse(name).str(), value});
  for (const auto* flag : {"stdin", "stdout", "stderr", "log-size", "log-files", "restart", "pid", "stop-signal"})
    if (const auto v = in.last(flag)) set_annotation(r.annotations, cat(appc::kAppFlag, flag), *v);
  r.user_annotations = pairs(in, "user-annotation");
  r.user_labels = pairs(in, "user-label");
  return r;
}

stage0::PrepareRequest pod_request(const Parsed& in) {
  stage0::PrepareRequest r;
  for (const auto& v : in.list("volume")) r.volumes.push_back(appc::Volume::parse_flag(v));
  for (const auto& m : in.list("mount")) r.mounts.push_back(parse_mount(m));
  for (const auto& p : in.list("port")) r.ports.push_back(appc::ExposedPort::parse_flag(p));
  r.inherit_env = in.on("inherit-env");
  for (const auto& v : in.list("set-env")) r.set_env.push_back(parse_pair("set-env", v));
  for (const auto& f : in.list("set-env-file")) read_env_file(f, r.set_env_file);
  r.overlay = !in.on("no-overlay");
  r.private_users = in.on("private-users");
  if (in.text("pod-manifest").empty()) return r;
  const std::string policy = pull_policy(in);
  if (!in.images.empty() || !r.volumes.empty() || !r.mounts.empty() || !r.ports.empty() || policy != "new" ||
      r.inherit_env || !r.set_env.empty() || in.given("set-env-file"))
    throw Error(Errc::usage, "conflicting flags set with --pod-manifest (see --help)");
  r.pod_manifest_bytes = in_context([] { return std::string("error setting up stage0"); },
                                    [&] { return read_named_file(in.text("pod-manifest")); });
  return r;
}

namespace {

void name_service_options(const Parsed& in, stage0::RunOptions& o) {
  o.net = cni::NetList::parse(in.list("net"));
  if (const std::string& plugins = in.text("net-plugins"); plugins == "external")
    o.external_plugins = true;
  else if (plugins != "auto")
    throw Error(Errc::usage, cat("invalid value ", quoted(plugins), " for flag --net-plugins: want auto or external"));
  o.hostname = in.text("hostname");
  o.dns = in.list("dns");
  o.dns_search = in.list("dns-search");
  o.dns_opt = in.list("dns-opt");
  o.dns_domain = in.text("dns-domain");
  o.hosts_entry = in.list("hosts-entry");
}

}  // namespace

stage0::RunOptions run_options(const Parsed& in) {
  stage0::RunOptions o;
  name_service_options(in, o);
  o.interactive = in.on("interactive");
  o.mds_register = in.on("mds-register");
  o.ipc = in.text("ipc");
  return o;
}

stage0::RunOptions sandbox_options(const Parsed& in) {
  stage0::RunOptions o;
  name_service_options(in, o);
  o.mutable_pod = true;
  return o;
}

std::string pull_policy(const Parsed& in) {
  const bool store_only = in.on("store-only"), no_store = in.on("no-store");
  if (store_only && no_store) throw Error(Errc::usage, "both --store-only and --no-store specified");
  if (store_only) return "never";
  if (no_store) return "update";
  const std::string& p = in.text("pull-policy");
  return p == "never" || p == "update" ? p : "new";
}

}  // namespace rkt::cli
