// SPDX-License-Identifier: Apache-2.0
#include "net/arguments.h"

#include <array>
#include <optional>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::net {
namespace {

enum class Form : std::uint8_t { text, texts, number, ranges };

struct Key {
  std::string_view name;  // as typed
  std::string_view capability, member;
  Form form;
};

constexpr std::array kKeys{Key{"ips", "ips", "", Form::texts},
                           Key{"mac", "mac", "", Form::text},
                           Key{"aliases", "aliases", "", Form::texts},
                           Key{"infinibandGUID", "infinibandGUID", "", Form::text},
                           Key{"deviceID", "deviceID", "", Form::text},
                           Key{"cgroupPath", "cgroupPath", "", Form::text},
                           Key{"ipRanges", "ipRanges", "", Form::ranges},
                           Key{"bandwidth.ingressRate", "bandwidth", "ingressRate", Form::number},
                           Key{"bandwidth.ingressBurst", "bandwidth", "ingressBurst", Form::number},
                           Key{"bandwidth.egressRate", "bandwidth", "egressRate", Form::number},
                           Key{"bandwidth.egressBurst", "bandwidth", "egressBurst", Form::number},
                           Key{"dns.servers", "dns", "servers", Form::texts},
                           Key{"dns.searches", "dns", "searches", Form::texts},
                           Key{"dns.options", "dns", "options", Form::texts}};

const Key* find_key(std::string_view name) {
  for (const auto& key : kKeys)
    if (key.name == name) return &key;
  return nullptr;
}

json::Value one_value(const Key& key, std::string_view text) {
  if (key.form == Form::number) {
    const auto n = parse_int<std::int64_t>(text);
    if (!n || *n < 0) throw Error(Errc::usage, cat("network argument ", key.name, "=", text, ": expected a number"));
    return *n;
  }
  if (text.empty()) throw Error(Errc::usage, cat("network argument ", key.name, " has no value"));
  if (key.form != Form::ranges) return text;
  json::Object range;  // a set with one range
  range.set("subnet", text);
  return json::Array{json::Value(std::move(range))};
}

json::Value appended(const json::Value* list, json::Value item) {
  json::Array out;
  if (list != nullptr && list->as_array() != nullptr) out = *list->as_array();
  out.push_back(std::move(item));
  return out;
}

void put(json::Object& into, const Key& key, std::string_view name, std::string_view text) {
  json::Value value = one_value(key, text);
  const json::Value* before = into.find(name);
  if (key.form == Form::texts || key.form == Form::ranges)
    value = appended(before, std::move(value));
  else if (before != nullptr)
    throw Error(Errc::usage, cat("network argument ", key.name, " is given twice"));
  into.set(std::string(name), std::move(value));
}

}  // namespace

Arguments parse_arguments(std::string_view args) {
  Arguments out;
  for (const auto word : split(args, ';')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    const Key* key = equals == std::string_view::npos ? nullptr : find_key(word.substr(0, equals));
    if (key == nullptr) {
      out.cni_args += cat(out.cni_args.empty() ? "" : ";", word);
      continue;
    }
    const auto text = word.substr(equals + 1);
    if (key->member.empty()) {
      put(out.values, *key, key->capability, text);
      continue;
    }
    const json::Value* found = out.values.find(key->capability);
    json::Object members = found != nullptr ? *found->as_object() : json::Object();
    put(members, *key, key->member, text);
    out.values.set(std::string(key->capability), std::move(members));
  }
  return out;
}

}  // namespace rkt::net
