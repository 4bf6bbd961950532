// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"
#include "json/unique.h"
#include "json/value.h"

namespace rkt::json {
namespace {

std::string why(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.brief();
  }
  return "";
}

TEST(Json, KeepsMemberOrderAndTheLastOfRepeatedNames) {
  EXPECT_EQ(write(parse(R"({"b":1,"a":[true,null],"b":2.5})")), R"({"b":2.5,"a":[true,null]})");
}

TEST(Json, UniqueNamesAreDemandedAtEveryDepth) {
  EXPECT_EQ(write(parse_unique(R"({"a":{"b":1},"b":[{"a":1},{"a":2}]})")), R"({"a":{"b":1},"b":[{"a":1},{"a":2}]})");
  EXPECT_EQ(why([] { parse_unique(R"([{"a":{"b":1,"c":2,"b":3}}])"); }), "JSON text is ambiguous: duplicate key \"b\"");
  std::string many = "{";
  for (int i = 0; i < 50; ++i) many += cat("\"", i, "\":0,");
  EXPECT_EQ(why([&] { parse_unique(many + "\"33\":1}"); }), "JSON text is ambiguous: duplicate key \"33\"");
}

TEST(Json, ManyMembersTakeNoQuadraticTimeAndTheLastStillWins) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += cat("\"", i, "\":0,");
  const Value v = parse(text + "\"7\":1}");
  EXPECT_EQ(v.as_object()->members().size(), 200000U);
  EXPECT_EQ(*v.as_object()->find("7")->as_int(), 1);
}

TEST(Json, WritesGoEscapes) {
  EXPECT_EQ(write(Value("<a&b>\n\x01\xe2\x80\xa8")), "\"\\u003ca\\u0026b\\u003e\\n\\u0001\\u2028\"");
  EXPECT_EQ(write(Value("a\xe2\x80\xa9z\xe2\x82\xac.")), "\"a\\u2029z\xe2\x82\xac.\"");
}

TEST(Json, PrettyIndentsWithTabs) {
  EXPECT_EQ(write(parse(R"({"a":[1],"e":[],"o":{}})"), Style::pretty),
            "{\n\t\"a\": [\n\t\t1\n\t],\n\t\"e\": [],\n\t\"o\": {}\n}");
}

TEST(Json, ZeroKeepsItsSign) {
  EXPECT_EQ(write(parse("[-5e-810,-0.0,0.0]")), "[-0.0,-0.0,0]");
  EXPECT_EQ(write(parse("-0.0")), "-0.0");
}

TEST(Json, SyntaxErrorsNameLineAndColumn) {
  EXPECT_EQ(why([] { parse("{\n  \"a\": x\n}"); }), "JSON syntax error at line 2, column 8");
}

TEST(Json, DepthIsLimited) {
  EXPECT_EQ(why([] { parse(std::string(100, '[')); }), "JSON text is nested deeper than 64");
}

TEST(Json, InvalidUtf8IsRefused) {
  EXPECT_NE(why([] { parse("\"\xff\""); }), "");
}

TEST(Json, WhatIsWrittenParseableIsWhatParseTakes) {
  const Limits limits{.bytes = 20, .depth = 3};
  EXPECT_EQ(write_parseable(parse("[[[1]]]"), limits), "[[[1]]]");
  EXPECT_EQ(why([&] { write_parseable(parse("[[{\"a\":[]}]]"), limits); }), "JSON text is nested deeper than 3");
  EXPECT_EQ(why([&] { write_parseable(Value(std::string(19, 'x')), limits); }), "JSON text of 21 bytes is too large");
  EXPECT_EQ(why([&] { write_parseable(Value("\xff"), limits); }), why([] { parse("\"\xff\""); }));
}

TEST(Reader, ErrorsCarryThePath) {
  const Value v = parse(R"({"app":{"exec":["a","b",3]}})");
  EXPECT_EQ(why([&] { Reader(v).at("app").texts("exec"); }), "app.exec[2]: expected string, got number");
  EXPECT_EQ(why([&] { Reader(v).at("app").at("user"); }), "app.user: missing");
}

TEST(Reader, NullIsAbsent) {
  const Value v = parse(R"({"a":null})");
  EXPECT_FALSE(Reader(v).find("a"));
  EXPECT_TRUE(Reader(v).items("a").empty());
}

TEST(Reader, NamesMatchInAnyCaseWhenAsked) {
  const Value v = parse(R"({"ACVERSION":"1"})");
  EXPECT_FALSE(Reader(v).find("acVersion"));
  EXPECT_EQ(Reader(v, "", Reader::Case::any).at("acVersion").text(), "1");
}

TEST(Reader, IntegersAreRangeChecked) {
  const Value v = parse(R"({"n":70000,"d":1.5})");
  EXPECT_EQ(why([&] { Reader(v).at("n").integer(0, 65535); }), "n: 70000 is not between 0 and 65535");
  EXPECT_EQ(why([&] { Reader(v).at("d").integer(); }), "d: expected an integer");
}

}  // namespace
}  // namespace rkt::json
