#include "wallet/keystore.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "common/sodium_init.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace::wallet {
namespace {

constexpr std::array<std::uint8_t, 32> kEntropy{1, 2, 3, 4, 5, 6, 7, 8};

std::string read(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
}
void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
}
unsigned mode_of(const std::filesystem::path& path) {
    struct stat info{};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 0777U;
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_SUITE("wallet/keystore") {
    TEST_CASE("a watched account has no secret, and never stands for one that has") {
        REQUIRE(init_sodium().has_value());
        const test::TempDir dir;
        const Keystore keystore(dir.path() / "wallet");
        const Keystore other(dir.path() / "other");
        const auto made = other.add_phrase("alice", Network::test, kEntropy, 0, "correct");
        REQUIRE(made.has_value());
        const auto watched = keystore.add_watched("cold", Network::test, made->file.public_key);
        REQUIRE(watched.has_value());
        CHECK(keystore.find("cold")->address() == made->address());
        CHECK(Keystore::open(*watched, "correct").error().exit == Exit::bad_input);
        CHECK(Keystore::open_phrase(*watched, "correct").error().exit == Exit::bad_input);
        CHECK(keystore.find_key(made->file.public_key).error().exit == Exit::not_found);
        CHECK(other.find_key(made->file.public_key)->name == "alice");
        // Nor can a file be made one: its box is bound to its kind.
        const auto path = dir.path() / "other" / "alice.json";
        write(path, replaced(read(path), "\"phrase\"", "\"watch\""));
        CHECK(Keystore::open(*other.find("alice"), "correct").error().exit == Exit::bad_input);
    }

    TEST_CASE("a phrase comes back with its passphrase and with no other") {
        REQUIRE(init_sodium().has_value());
        const test::TempDir dir;
        const Keystore keystore(dir.path() / "wallet");
        const auto made = keystore.add_phrase("alice", Network::test, kEntropy, 0, "correct");
        REQUIRE(made.has_value());
        CHECK(mode_of(dir.path() / "wallet") == 0700);
        CHECK(mode_of(dir.path() / "wallet" / "alice.json") == 0600);

        const auto found = keystore.find("alice");
        REQUIRE(found.has_value());
        CHECK(found->address() == made->address());
        const auto opened = Keystore::open(*found, "correct");
        REQUIRE(opened.has_value());
        CHECK(opened->public_key() == found->file.public_key);
        const auto wrong = Keystore::open(*found, "correct ");
        REQUIRE_FALSE(wrong.has_value());
        CHECK(wrong.error().exit == Exit::wrong_passphrase);
        // The 24 words of the entropy are what the phrase opens to.
        const auto phrase = Keystore::open_phrase(*found, "correct");
        REQUIRE(phrase.has_value());
        CHECK(std::count(phrase->text().begin(), phrase->text().end(), ' ') == 23);
        // Nothing secret stands in the file.
        CHECK(read(dir.path() / "wallet" / "alice.json").find("01020304") == std::string::npos);
    }

    TEST_CASE("a bare key comes back, and has no phrase") {
        const test::TempDir dir;
        const Keystore keystore(dir.path());
        const auto secret = AccountSecret::from(kEntropy);
        REQUIRE(secret.has_value());
        REQUIRE(keystore.add_key("k", Network::main, *secret, "p").has_value());
        const auto found = keystore.find("k");
        REQUIRE(found.has_value());
        CHECK(Keystore::open(*found, "p")->public_key() == secret->public_key());
        CHECK_FALSE(Keystore::open_phrase(*found, "p").has_value());
    }

    TEST_CASE("a box that was moved or whose public members were changed does not open") {
        const test::TempDir dir;
        const Keystore keystore(dir.path());
        std::array<std::uint8_t, 32> other = kEntropy;
        other[0] = 9;
        REQUIRE(keystore.add_phrase("a", Network::test, kEntropy, 0, "p").has_value());
        REQUIRE(keystore.add_phrase("b", Network::test, other, 0, "p").has_value());
        const std::string a = read(dir.path() / "a.json");
        const std::string b = read(dir.path() / "b.json");
        const auto box_of = [](const std::string& text) {
            return boost::json::parse(text).at("box").as_string();
        };
        const std::string box_a(box_of(a));
        const std::string box_b(box_of(b));
        struct Row {
            const char* name;
            std::string text;
        };
        const std::vector<Row> rows = {
            {"boxes swapped", replaced(a, box_a, box_b)},
            {"another account of the phrase", replaced(a, "\"account\":0", "\"account\":1")},
            {"another network", replaced(a, "\"test\"", "\"main\"")},
            {"another kind", replaced(a, "\"phrase\"", "\"key\"")},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            write(dir.path() / "a.json", row.text);
            const auto found = keystore.find("a");
            REQUIRE(found.has_value());
            const auto opened = Keystore::open(*found, "p");
            REQUIRE_FALSE(opened.has_value());
            CHECK(opened.error().exit == Exit::wrong_passphrase);
        }
        write(dir.path() / "a.json", a);
        CHECK(Keystore::open(*keystore.find("a"), "p").has_value());
    }

    TEST_CASE("no key is ever overwritten, and names cannot leave the folder") {
        const test::TempDir dir;
        const Keystore keystore(dir.path());
        REQUIRE(keystore.add_phrase("a", Network::test, kEntropy, 0, "p").has_value());
        const std::string before = read(dir.path() / "a.json");
        const auto again = keystore.add_phrase("a", Network::test, kEntropy, 1, "q");
        REQUIRE_FALSE(again.has_value());
        CHECK(again.error().exit == Exit::bad_input);
        CHECK(read(dir.path() / "a.json") == before);
        for (const char* name : {"", "A", "../a", "a/b", ".a", "1a", "a.json", "a b"}) {
            CAPTURE(name);
            CHECK_FALSE(is_account_name(name));
            CHECK_FALSE(keystore.find(name).has_value());
        }
    }

    TEST_CASE("which account is meant when none is named") {
        const test::TempDir dir;
        const Keystore keystore(dir.path());
        const auto none = keystore.pick(std::nullopt);
        REQUIRE_FALSE(none.has_value());
        CHECK(none.error().message.find("account new") != std::string::npos);
        const auto key = AccountSecret::from(kEntropy);
        REQUIRE(keystore.add_key("only", Network::test, *key, "p").has_value());
        CHECK(keystore.pick(std::nullopt)->name == "only");
        REQUIRE(keystore.add_key("second", Network::test, *key, "p").has_value());
        const auto several = keystore.pick(std::nullopt);
        REQUIRE_FALSE(several.has_value());
        CHECK(several.error().message.find("--from") != std::string::npos);
        REQUIRE(keystore.add_key("default", Network::test, *key, "p").has_value());
        CHECK(keystore.pick(std::nullopt)->name == "default");
        CHECK(keystore.pick("second")->name == "second");
        CHECK(keystore.list()->size() == 3);
    }

    TEST_CASE("a damaged file is named with its path") {
        const test::TempDir dir;
        const Keystore keystore(dir.path());
        struct Row {
            const char* name;
            std::string text;
        };
        const std::vector<Row> rows = {{"empty", ""},
                                       {"not JSON", "{"},
                                       {"another shape", "{\"version\":1}"},
                                       {"huge", std::string(100'000, ' ')}};
        for (const Row& row : rows) {
            CAPTURE(row.name);
            write(dir.path() / "x.json", row.text);
            const auto found = keystore.list();
            REQUIRE_FALSE(found.has_value());
            CHECK(found.error().exit == Exit::bad_input);
            CHECK(found.error().message.find("x.json") != std::string::npos);
        }
    }

    TEST_CASE("a passphrase file gives its first line") {
        const test::TempDir dir;
        write(dir.path() / "pass", "secret words\nnot this\n");
        const PassphraseSource source{dir.path() / "pass"};
        CHECK(source.for_open("a")->text() == "secret words");
        CHECK_FALSE(PassphraseSource{dir.path() / "none"}.for_open("a").has_value());
    }
}

}  // namespace millrace::wallet
