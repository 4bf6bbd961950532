// SPDX-License-Identifier: Apache-2.0
// nftables messages: tables, sets, chains, rules and set elements of one table of the family inet. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sys/netlink_message.h"

namespace rkt::net::builtin::nft {

/// Frames messages so that the kernel does all of them or none.
std::vector<netlink::Message> batch(std::vector<netlink::Message> messages);

/// Asks for the number of the current rule set.
netlink::Message generation();

struct SetSpec {
  std::string name;
  std::uint32_t key_type = 0, key_length = 0;
  std::uint32_t data_type = 0, data_length = 0;  ///< 0: a set, else a map
};
constexpr std::uint32_t kVerdict = 0xffffff00;  ///< data_type of a map to chains

/// What a rule does, one expression after the other.
class Rule {
 public:
  Rule(const std::string& table, const std::string& chain);
  // Registers count words of four bytes; an address of IPv6 takes four of them.
  Rule& meta(std::uint32_t key, unsigned reg);
  Rule& family(std::uint8_t number);  ///< NFPROTO_…; uses register 0
  Rule& ct_status(unsigned reg);
  Rule& network(unsigned offset, unsigned length, unsigned reg);
  Rule& destination_port(unsigned reg);
  Rule& is(unsigned reg, std::string_view bytes);
  Rule& is_not(unsigned reg, std::string_view bytes);
  Rule& mask(unsigned reg, std::string_view mask);
  Rule& destination_is_local();  ///< fib daddr type local
  Rule& lookup(const std::string& set, unsigned reg);
  Rule& map(const std::string& set, unsigned reg, unsigned to);
  Rule& vmap(const std::string& set, unsigned reg);
  Rule& dnat(bool v6, unsigned address, unsigned port);
  Rule& masquerade();
  Rule& jump(const std::string& chain);
  Rule& leave();  ///< return
  Rule& drop();
  netlink::Message message() const;

 private:
  Rule& expression(std::string_view name, const std::vector<std::pair<std::uint16_t, std::uint32_t>>& numbers,
                   std::uint16_t data_at = 0, std::string_view data = {});
  Rule& compare(std::uint32_t op, unsigned reg, std::string_view bytes);
  Rule& verdict(int code, const std::string& chain);
  netlink::Message m_;
};

netlink::Message add_table(const std::string& table);
netlink::Message add_set(const std::string& table, const SetSpec& set, std::uint32_t id);
netlink::Message add_chain(const std::string& table, const std::string& chain);
netlink::Message add_base_chain(const std::string& table, const std::string& chain, const char* type, unsigned hook,
                                int priority);
netlink::Message flush_chain(const std::string& table, const std::string& chain);

/// An element: of a map when it has data or a chain.
struct Element {
  std::string set, key, data;
  std::string chain;       ///< data of a map to chains: jump there
  std::string comment;     ///< shown by nft; says whose it is
  bool exclusive = false;  ///< another element of the same key is an error, even with the same data
  bool operator==(const Element&) const = default;
};
/// Elements of one set.
netlink::Message add_elements(const std::string& table, std::span<const Element> elements);
netlink::Message delete_elements(const std::string& table, std::span<const Element> elements);
netlink::Message get_element(const std::string& table, const Element& element);
netlink::Message list_elements(const std::string& table, const std::string& set);
/// Key and comment of the elements in a reply to either.
std::vector<Element> read_elements(const std::string& set, const netlink::Reply& reply);

}  // namespace rkt::net::builtin::nft
