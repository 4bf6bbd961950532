// SPDX-License-Identifier: Apache-2.0
#include "net/builtin/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

namespace rkt::net::builtin::nft {
namespace {

using netlink::Message;

constexpr std::uint16_t kAdd = NLM_F_ACK | NLM_F_CREATE;
constexpr char kCommentType = 0;  // of the user data of an element, as nft reads it

nfgenmsg family(std::uint8_t f, std::uint16_t resource = 0) {
  return {.nfgen_family = f, .version = NFNETLINK_V0, .res_id = htons(resource)};
}

Message request(int type, std::uint16_t flags) {
  Message m(static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | type), flags);
  m.body(family(NFPROTO_INET));
  return m;
}

Message frame(std::uint16_t type) {
  Message m(type, 0);
  m.body(family(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  return m;
}

std::uint32_t word(unsigned reg) { return NFT_REG32_00 + reg; }

void put_verdict(Message& m, std::uint16_t at, int code, const std::string& chain) {
  m.open(at).open(NFTA_DATA_VERDICT).be32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
  if (!chain.empty()) m.text(NFTA_VERDICT_CHAIN, chain);
  m.close().close();
}

std::string user_data(std::string_view comment) {
  std::string out{kCommentType, static_cast<char>(comment.size() + 1)};
  out.append(comment);
  out.push_back('\0');
  return out;
}

enum class Parts { key, all };

Message element_list(int type, std::uint16_t flags, const std::string& table, std::span<const Element> elements,
                     Parts parts) {
  Message m = request(type, flags);
  m.text(NFTA_SET_ELEM_LIST_TABLE, table).text(NFTA_SET_ELEM_LIST_SET, elements.front().set);
  m.open(NFTA_SET_ELEM_LIST_ELEMENTS);
  for (const auto& e : elements) {
    m.open(NFTA_LIST_ELEM).open(NFTA_SET_ELEM_KEY).attr(NFTA_DATA_VALUE, e.key).close();
    if (parts == Parts::all) {
      if (!e.chain.empty()) put_verdict(m, NFTA_SET_ELEM_DATA, NFT_JUMP, e.chain);
      if (!e.data.empty()) m.open(NFTA_SET_ELEM_DATA).attr(NFTA_DATA_VALUE, e.data).close();
      m.attr(NFTA_SET_ELEM_USERDATA, user_data(e.comment));
    }
    m.close();
  }
  m.close();
  return m;
}

}  // namespace

std::vector<Message> batch(std::vector<Message> messages) {
  messages.insert(messages.begin(), frame(NFNL_MSG_BATCH_BEGIN));
  messages.push_back(frame(NFNL_MSG_BATCH_END));
  return messages;
}

Message generation() { return request(NFT_MSG_GETGEN, 0); }

Rule::Rule(const std::string& table, const std::string& chain) : m_(request(NFT_MSG_NEWRULE, kAdd | NLM_F_APPEND)) {
  m_.text(NFTA_RULE_TABLE, table).text(NFTA_RULE_CHAIN, chain).open(NFTA_RULE_EXPRESSIONS);
}

Message Rule::message() const {
  Message out = m_;
  out.close();
  return out;
}

Rule& Rule::expression(std::string_view name, const std::vector<std::pair<std::uint16_t, std::uint32_t>>& numbers,
                       std::uint16_t data_at, std::string_view data) {
  m_.open(NFTA_LIST_ELEM).text(NFTA_EXPR_NAME, name).open(NFTA_EXPR_DATA);
  for (const auto& [attr, n] : numbers) m_.be32(attr, n);
  if (data_at != 0) m_.open(data_at).attr(NFTA_DATA_VALUE, data).close();
  m_.close().close();
  return *this;
}

Rule& Rule::meta(std::uint32_t key, unsigned reg) {
  return expression("meta", {{NFTA_META_KEY, key}, {NFTA_META_DREG, word(reg)}});
}

Rule& Rule::family(std::uint8_t number) {
  return meta(NFT_META_NFPROTO, 0).is(0, {reinterpret_cast<const char*>(&number), sizeof number});
}

Rule& Rule::ct_status(unsigned reg) {
  return expression("ct", {{NFTA_CT_KEY, NFT_CT_STATUS}, {NFTA_CT_DREG, word(reg)}});
}

Rule& Rule::network(unsigned offset, unsigned length, unsigned reg) {
  return expression("payload", {{NFTA_PAYLOAD_DREG, word(reg)},
                                {NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER},
                                {NFTA_PAYLOAD_OFFSET, offset},
                                {NFTA_PAYLOAD_LEN, length}});
}

Rule& Rule::destination_port(unsigned reg) {
  return expression("payload", {{NFTA_PAYLOAD_DREG, word(reg)},
                                {NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER},
                                {NFTA_PAYLOAD_OFFSET, 2},
                                {NFTA_PAYLOAD_LEN, 2}});
}

Rule& Rule::compare(std::uint32_t op, unsigned reg, std::string_view bytes) {
  return expression("cmp", {{NFTA_CMP_SREG, word(reg)}, {NFTA_CMP_OP, op}}, NFTA_CMP_DATA, bytes);
}
Rule& Rule::is(unsigned reg, std::string_view bytes) { return compare(NFT_CMP_EQ, reg, bytes); }
Rule& Rule::is_not(unsigned reg, std::string_view bytes) { return compare(NFT_CMP_NEQ, reg, bytes); }

Rule& Rule::mask(unsigned reg, std::string_view mask) {
  m_.open(NFTA_LIST_ELEM).text(NFTA_EXPR_NAME, "bitwise").open(NFTA_EXPR_DATA);
  m_.be32(NFTA_BITWISE_SREG, word(reg)).be32(NFTA_BITWISE_DREG, word(reg));
  m_.be32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()));
  m_.open(NFTA_BITWISE_MASK).attr(NFTA_DATA_VALUE, mask).close();
  m_.open(NFTA_BITWISE_XOR).attr(NFTA_DATA_VALUE, std::string(mask.size(), '\0')).close();
  m_.close().close();
  return *this;
}

Rule& Rule::destination_is_local() {
  expression(
      "fib",
      {{NFTA_FIB_DREG, word(0)}, {NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE}, {NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR}});
  const std::uint32_t local = 2;  // RTN_LOCAL
  return is(0, {reinterpret_cast<const char*>(&local), sizeof local});
}

Rule& Rule::lookup(const std::string& set, unsigned reg) {
  m_.open(NFTA_LIST_ELEM).text(NFTA_EXPR_NAME, "lookup").open(NFTA_EXPR_DATA);
  m_.text(NFTA_LOOKUP_SET, set).be32(NFTA_LOOKUP_SREG, word(reg)).close().close();
  return *this;
}

Rule& Rule::map(const std::string& set, unsigned reg, unsigned to) {
  m_.open(NFTA_LIST_ELEM).text(NFTA_EXPR_NAME, "lookup").open(NFTA_EXPR_DATA);
  m_.text(NFTA_LOOKUP_SET, set).be32(NFTA_LOOKUP_SREG, word(reg)).be32(NFTA_LOOKUP_DREG, word(to)).close().close();
  return *this;
}

Rule& Rule::vmap(const std::string& set, unsigned reg) {
  m_.open(NFTA_LIST_ELEM).text(NFTA_EXPR_NAME, "lookup").open(NFTA_EXPR_DATA);
  m_.text(NFTA_LOOKUP_SET, set).be32(NFTA_LOOKUP_SREG, word(reg)).be32(NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
  m_.close().close();
  return *this;
}

Rule& Rule::dnat(bool v6, unsigned address, unsigned port) {
  return expression("nat", {{NFTA_NAT_TYPE, NFT_NAT_DNAT},
                            {NFTA_NAT_FAMILY, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4},
                            {NFTA_NAT_REG_ADDR_MIN, word(address)},
                            {NFTA_NAT_REG_PROTO_MIN, word(port)}});
}

Rule& Rule::masquerade() { return expression("masq", {}); }

Rule& Rule::verdict(int code, const std::string& chain) {
  m_.open(NFTA_LIST_ELEM).text(NFTA_EXPR_NAME, "immediate").open(NFTA_EXPR_DATA);
  m_.be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  put_verdict(m_, NFTA_IMMEDIATE_DATA, code, chain);
  m_.close().close();
  return *this;
}
Rule& Rule::jump(const std::string& chain) { return verdict(NFT_JUMP, chain); }
Rule& Rule::leave() { return verdict(NFT_RETURN, {}); }
Rule& Rule::drop() { return verdict(NF_DROP, {}); }

Message add_table(const std::string& table) {
  Message m = request(NFT_MSG_NEWTABLE, kAdd);
  m.text(NFTA_TABLE_NAME, table);
  return m;
}

Message add_set(const std::string& table, const SetSpec& set, std::uint32_t id) {
  Message m = request(NFT_MSG_NEWSET, kAdd);
  m.text(NFTA_SET_TABLE, table).text(NFTA_SET_NAME, set.name);
  m.be32(NFTA_SET_FLAGS, set.data_type != 0 ? std::uint32_t{NFT_SET_MAP} : 0U);
  m.be32(NFTA_SET_KEY_TYPE, set.key_type).be32(NFTA_SET_KEY_LEN, set.key_length).be32(NFTA_SET_ID, id);
  if (set.data_type != 0) m.be32(NFTA_SET_DATA_TYPE, set.data_type);
  if (set.data_length != 0) m.be32(NFTA_SET_DATA_LEN, set.data_length);
  return m;
}

Message add_chain(const std::string& table, const std::string& chain) {
  Message m = request(NFT_MSG_NEWCHAIN, kAdd);
  m.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, chain);
  return m;
}

Message add_base_chain(const std::string& table, const std::string& chain, const char* type, unsigned hook,
                       int priority) {
  Message m = request(NFT_MSG_NEWCHAIN, kAdd);
  m.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, chain).text(NFTA_CHAIN_TYPE, type);
  m.open(NFTA_CHAIN_HOOK).be32(NFTA_HOOK_HOOKNUM, hook);
  m.be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority)).close();
  return m;
}

Message flush_chain(const std::string& table, const std::string& chain) {
  Message m = request(NFT_MSG_DELRULE, NLM_F_ACK);
  m.text(NFTA_RULE_TABLE, table).text(NFTA_RULE_CHAIN, chain);
  return m;
}

Message add_elements(const std::string& table, std::span<const Element> elements) {
  const std::uint16_t exclusive = elements.front().exclusive ? NLM_F_EXCL : 0;
  return element_list(NFT_MSG_NEWSETELEM, kAdd | exclusive, table, elements, Parts::all);
}

Message delete_elements(const std::string& table, std::span<const Element> elements) {
  return element_list(NFT_MSG_DELSETELEM, NLM_F_ACK, table, elements, Parts::key);
}

Message get_element(const std::string& table, const Element& element) {
  return element_list(NFT_MSG_GETSETELEM, NLM_F_ACK, table, {&element, 1}, Parts::key);
}

Message list_elements(const std::string& table, const std::string& set) {
  Message m = request(NFT_MSG_GETSETELEM, NLM_F_DUMP);
  m.text(NFTA_SET_ELEM_LIST_TABLE, table).text(NFTA_SET_ELEM_LIST_SET, set);
  return m;
}

std::vector<Element> read_elements(const std::string& set, const netlink::Reply& reply) {
  std::vector<Element> out;
  const auto list = reply.attributes(sizeof(nfgenmsg)).find(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (!list) return out;
  const netlink::Attributes elements(*list);
  for (const auto& [type, bytes] : elements.all()) {
    const netlink::Attributes element(bytes);
    const auto key = element.find(NFTA_SET_ELEM_KEY);
    const auto value = key ? netlink::Attributes(*key).find(NFTA_DATA_VALUE) : std::nullopt;
    if (!value) continue;
    Element e{.set = set, .key = std::string(*value)};
    const auto data = element.find(NFTA_SET_ELEM_USERDATA);
    if (data && data->size() > 2 && data->front() == kCommentType) e.comment = data->substr(2, data->find('\0', 2) - 2);
    out.push_back(std::move(e));
  }
  return out;
}

}  // namespace rkt::net::builtin::nft
