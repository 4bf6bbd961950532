// SPDX-License-Identifier: Apache-2.0
#include "cgroup/limits.h"

#include <algorithm>

#include "base/strings.h"
#include "sys/file.h"

namespace rkt::cgroup {
namespace {

constexpr std::int64_t kPeriod = 100'000;    // microseconds; what a new cgroup has, so v1 is not told
constexpr std::int64_t kLeastQuota = 1'000;  // the kernel refuses less
constexpr std::int64_t kMostQuota = 1'000'000'000;

std::vector<Write> plan_v1(const Limits& l) {
  std::vector<Write> out;
  if (l.memory_bytes) {
    out.push_back({"memory", "memory.limit_in_bytes", cat(*l.memory_bytes)});
    // Memory and swap together; exists only where swap accounting is on.
    out.push_back({"memory", "memory.memsw.limit_in_bytes", cat(*l.memory_bytes), true});
  }
  if (l.cpu_milli) out.push_back({"cpu", "cpu.cfs_quota_us", cat(quota_from_milli(*l.cpu_milli))});
  if (l.cpu_shares) out.push_back({"cpu", "cpu.shares", cat(*l.cpu_shares)});
  if (l.pids) out.push_back({"pids", "pids.max", cat(*l.pids)});
  const auto throttle = [&](const char* file, const std::optional<std::int64_t>& limit) {
    if (!limit) return;
    for (const auto& disk : l.disks) out.push_back({"io", cat("blkio.throttle.", file), cat(disk, " ", *limit)});
  };
  throttle("read_bps_device", l.io_bytes);
  throttle("write_bps_device", l.io_bytes);
  throttle("read_iops_device", l.io_operations);
  throttle("write_iops_device", l.io_operations);
  if (l.default_devices) {
    out.push_back({"devices", "devices.deny", "a"});
    for (const auto& d : standard_devices()) out.push_back({"devices", "devices.allow", d});
    for (const auto& d : l.devices) out.push_back({"devices", "devices.allow", d});
  }
  return out;
}

std::vector<Write> plan_v2(const Limits& l) {
  std::vector<Write> out;
  if (l.memory_bytes) {
    out.push_back({"memory", "memory.max", cat(*l.memory_bytes)});
    out.push_back({"memory", "memory.swap.max", "0", true});
  }
  if (l.cpu_milli) out.push_back({"cpu", "cpu.max", cat(quota_from_milli(*l.cpu_milli), " ", kPeriod)});
  if (l.cpu_shares) out.push_back({"cpu", "cpu.weight", cat(weight_from_shares(*l.cpu_shares))});
  if (l.pids) out.push_back({"pids", "pids.max", cat(*l.pids)});
  for (const auto& disk : l.disks) {
    std::string value = disk;
    if (l.io_bytes) value += cat(" rbps=", *l.io_bytes, " wbps=", *l.io_bytes);
    if (l.io_operations) value += cat(" riops=", *l.io_operations, " wiops=", *l.io_operations);
    if (value != disk) out.push_back({"io", "io.max", std::move(value)});
  }
  return out;
}

}  // namespace

Needs Limits::needs() const {
  return {.memory = memory_bytes.has_value(),
          .cpu = cpu_milli.has_value() || cpu_shares.has_value(),
          .pids = pids.has_value(),
          .io = io_bytes.has_value() || io_operations.has_value(),
          .devices = default_devices};
}

std::vector<Write> plan_limits(bool v2, const std::vector<std::string>& controllers, const Limits& limits) {
  auto writes = v2 ? plan_v2(limits) : plan_v1(limits);
  const auto has = [&](std::string_view name) { return std::ranges::find(controllers, name) != controllers.end(); };
  std::erase_if(writes, [&](const Write& w) { return !has(w.controller) && (v2 || !has(v1_name(w.controller))); });
  return writes;
}

// A line: MAJOR MINOR BLOCKS NAME. Parts of disks are there, too; what has no medium is not. "/" in a name is "!" in
// the other list.
std::vector<std::string> parse_disks(std::string_view partitions, const std::vector<std::string>& block_names) {
  std::vector<std::string> out;
  for (const auto line : split(partitions, '\n')) {
    std::vector<std::string_view> fields;
    for (const auto field : split(line, ' '))
      if (!field.empty()) fields.push_back(field);
    if (fields.size() != 4 || !parse_int<std::uint32_t>(fields[0])) continue;
    std::string name(fields[3]);
    std::ranges::replace(name, '/', '!');
    if (std::ranges::find(block_names, name) != block_names.end()) out.push_back(cat(fields[0], ":", fields[1]));
  }
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> find_disks() {
  return parse_disks(read_file("/proc/partitions"), DirFd::open("/sys/block").names_once());
}

std::uint64_t weight_from_shares(std::int64_t shares) {
  const auto s = std::clamp<std::int64_t>(shares, 2, 262144);
  return static_cast<std::uint64_t>(1 + ((s - 2) * 9999) / 262142);
}

std::int64_t quota_from_milli(std::int64_t milli) {
  const auto most = kMostQuota / (kPeriod / 1000);
  return std::max(std::min(milli, most) * (kPeriod / 1000), kLeastQuota);
}

std::uint64_t flat_value(std::string_view text, std::string_view key) {
  for (const auto line : split(text, '\n')) {
    const auto blank = line.find(' ');
    if (line.substr(0, blank) == key && blank != std::string_view::npos)
      return parse_int<std::uint64_t>(line.substr(blank + 1)).value_or(0);
  }
  return 0;
}

const std::vector<std::string>& standard_devices() {
  static const std::vector<std::string> kNodes = {"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",   "c 1:9 rwm",
                                                  "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm"};
  return kNodes;
}

}  // namespace rkt::cgroup
