// SPDX-License-Identifier: Apache-2.0
#include "worker/verify/packets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "worker/verify/protocol.h"

namespace rkt::verify {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kArmorBegin = "-----BEGIN PGP SIGNATURE-----\n", kArmorEnd = "-----END PGP SIGNATURE-----\n";

std::optional<std::string> armor(std::string_view body) {
  return dearmor(cat(kArmorBegin, body, kArmorEnd), "SIGNATURE");
}

TEST(Dearmor, DecodesEveryTailLength) {
  EXPECT_EQ(armor("\nZm9vYmFy\n"), "foobar");
  EXPECT_EQ(armor("\nZm9vYmE=\n"), "fooba");
  EXPECT_EQ(armor("\nZm9vYg==\n"), "foob");
  EXPECT_EQ(armor("\nZm9v\nYm\nFy\n"), "foobar");
}

TEST(Dearmor, SkipsHeadersSurroundingTextAndOtherBlocks) {
  EXPECT_EQ(
      dearmor(
          "hello\r\n-----BEGIN PGP MESSAGE-----\n\n????\n-----BEGIN PGP SIGNATURE-----\r\nVersion: 1\r\n\r\nZm9v\r\n"
          "-----END PGP SIGNATURE-----\r\nbye",
          "SIGNATURE"),
      "foo");
}

TEST(Dearmor, JoinsSeveralBlocks) {
  const std::string block = cat(kArmorBegin, "\nZm9v\n", kArmorEnd);
  EXPECT_EQ(dearmor(block + block, "SIGNATURE"), "foofoo");
}

TEST(Dearmor, ChecksTheChecksumWhenThereIsOne) {
  EXPECT_EQ(armor("\nZm9vYmFy\n=czTe\n"), "foobar");
  EXPECT_THROW(armor("\nZm9vYmFy\n=AAAA\n"), Error);
  EXPECT_THROW(armor("\nZm9v\n=AAAA\nYmFy\n"), Error);
}

TEST(Dearmor, IsNothingWithoutABlockAndAnErrorWhenItIsBroken) {
  EXPECT_EQ(dearmor("text", "SIGNATURE"), std::nullopt);
  EXPECT_EQ(dearmor(cat(kArmorBegin, "\nZm9v\n", kArmorEnd), "PUBLIC KEY BLOCK"), std::nullopt);
  EXPECT_THROW(dearmor(cat(kArmorBegin, "\nZm9v\n"), "SIGNATURE"), Error);
  for (const char* bad : {"\nZm9*\n", "\nZ\n", "\nZm=v\n", "\nZm9vYg=\n", "\nZg===\n"})
    EXPECT_THROW(armor(bad), Error) << bad;
}

std::string bytes(std::initializer_list<int> list) {
  std::string out;
  for (const int b : list) out.push_back(static_cast<char>(b));
  return out;
}

TEST(ReadPackets, UnderstandsOldAndNewHeaders) {
  const std::string all = (bytes({0x88, 1, 'a'}) + bytes({0x89, 0, 1, 'b'}) + bytes({0xc2, 1, 'c'}) +
                           bytes({0xcd, 255, 0, 0, 0, 1, 'd'}) + bytes({0xcd, 192, 0}) + std::string(192, 'e'));
  const auto p = read_packets(all);
  ASSERT_THAT(p, SizeIs(5));
  EXPECT_EQ(p[0].tag, kSignature);
  EXPECT_EQ(p[1].body, "b");
  EXPECT_EQ(p[2].tag, kSignature);
  EXPECT_EQ(p[2].whole.size(), 3U);
  EXPECT_EQ(p[3].tag, kUserId);
  EXPECT_EQ(p[4].body.size(), 192U);
}

TEST(ReadPackets, RefusesCutPartialAndIndeterminatePackets) {
  for (const auto& bad :
       {bytes({0x88}), bytes({0x88, 2, 'a'}), bytes({0xc2}), bytes({0xc2, 192}), bytes({0xc2, 224, 'a'}),
        bytes({0x8b, 'a'}), bytes({0xc2, 255, 255, 255, 255, 255}), bytes({0x08, 0})})
    EXPECT_THROW(read_packets(bad), Error) << to_hex({reinterpret_cast<const std::uint8_t*>(bad.data()), bad.size()});
}

// A version 4 signature packet body: binary document, Ed25519, with these areas.
std::string signature(int hash, const std::string& hashed, const std::string& unhashed, int type = 0) {
  return bytes({4, type, 22, hash, 0, static_cast<int>(hashed.size())}) + hashed +
         bytes({0, static_cast<int>(unhashed.size())}) + unhashed + bytes({0, 0});
}

TEST(ReadSignature, BelievesTimesFromTheHashedAreaOnly) {
  const std::string created = bytes({5, 2, 0, 0, 1, 0}), lifetime = bytes({5, 3, 0, 0, 0, 9}),
                    issuer = bytes({9, 16, 1, 2, 3, 4, 5, 6, 7, 8});
  const auto facts = read_signature(signature(8, created, lifetime + issuer));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->created, 256U);
  EXPECT_EQ(facts->lifetime, 0U);
  EXPECT_EQ(facts->key_id, "0102030405060708");
  const auto brief = read_signature(signature(8, created + lifetime, ""));
  EXPECT_FALSE(brief->expired_at(264));
  EXPECT_TRUE(brief->expired_at(265));
}

TEST(ReadSignature, RefusesOtherVersionsAndAreasThatLeaveThePacket) {
  EXPECT_EQ(read_signature(""), std::nullopt);
  EXPECT_EQ(read_signature(bytes({3, 5, 0})), std::nullopt);
  EXPECT_EQ(read_signature(bytes({4, 0, 22, 8, 0, 9, 1})), std::nullopt);
  EXPECT_EQ(read_signature(signature(8, bytes({9, 2, 0}), "")), std::nullopt);
  EXPECT_EQ(read_signature(signature(8, bytes({0}), "")), std::nullopt);
}

std::string packet(const std::string& body) { return bytes({0xc2, static_cast<int>(body.size())}) + body; }

TEST(RefusePrivateKeys, ArmoredInPemAndInBinaryBesideOthers) {
  const std::string pub = bytes({0xc6, 1, 'k'});
  for (const std::string& file :
       {std::string("x\n-----BEGIN EC PRIVATE KEY-----\r\n"), std::string("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
        pub + bytes({0xc5, 1, 'k'}), pub + bytes({0x9c, 1, 'k'})})
    EXPECT_THROW(refuse_private_keys(file), Error) << file;
  for (const std::string& file : {std::string("-----BEGIN PUBLIC KEY-----\nno PRIVATE KEY\n"), pub, std::string()})
    EXPECT_NO_THROW(refuse_private_keys(file)) << file;
}

TEST(ReadSignatureFile, SortsWeakFromUsableAndDropsOtherTypes) {
  const auto file =
      read_signature_file(packet(signature(8, "", "")) + packet(signature(2, "", "")) + packet(signature(1, "", "")) +
                          packet(signature(10, "", "", 0x10)) + packet(signature(99, "", "")));
  ASSERT_THAT(file.usable, SizeIs(1));
  EXPECT_THAT(file.weak, SizeIs(2));
  EXPECT_EQ(file.usable[0].packet, packet(signature(8, "", "")));
}

TEST(ReadSignatureFile, HasNothingUsableBesideAForeignPacket) {
  EXPECT_THAT(read_signature_file(packet(signature(8, "", "")) + bytes({0xcb, 1, 'b'})).usable, IsEmpty());
}

TEST(ReadSignatureFile, HasBounds) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxSignatures; ++i) many += packet(signature(8, "", ""));
  EXPECT_THAT(read_signature_file(many).usable, IsEmpty());
}

}  // namespace
}  // namespace rkt::verify
