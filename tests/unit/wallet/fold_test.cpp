#include "wallet/fold.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "common/rng.hpp"

namespace millrace::wallet {
namespace {

Terminal wide(unsigned columns) {
    return {.is_terminal = true, .has_colour = false, .columns = columns};
}

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> out;
    for (std::string word; in >> word;) out.push_back(word);
    return out;
}

}  // namespace

TEST_SUITE("wallet/fold") {
    TEST_CASE("lines break at spaces, under their own text, on a terminal only") {
        struct Row {
            const char* name;
            const char* text;
            const char* expected;
        };
        const std::vector<Row> rows = {
            {"short", "it fits\n", "it fits\n"},
            {"exact", "exactly of twenty ab", "exactly of twenty ab"},
            {"a sentence", "no node answers here, start one", "no node answers\nhere, start one"},
            {"a label", "price   one two three four five",
             "price   one two\n        three four\n        five"},
            {"indented", "  many words go here and on", "  many words go here\n  and on"},
            {"a hash stays whole", "Job 0123456789abcdef0123456789abcdef posted",
             "Job\n0123456789abcdef0123456789abcdef\nposted"},
            {"a command stays whole", "type `millrace job watch abc` again",
             "type\n`millrace job watch abc`\nagain"},
            {"only a hash", "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"},
            {"what a program wrote", "--- standard output ---\naaaa bbbb cccc dddd eeee ffff",
             "--- standard output ---\naaaa bbbb cccc dddd eeee ffff"},
            {"empty lines", "\n\nab\n\n", "\n\nab\n\n"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK(folded(row.text, wide(20)) == row.expected);
            CHECK(folded(row.text, Terminal{}) == row.text);
        }
    }

    TEST_CASE("bold takes no room") {
        CHECK(folded("\033[1mexactly of twenty ab\033[0m\n", wide(20)) ==
              "\033[1mexactly of twenty ab\033[0m\n");
        CHECK(folded("\033[1mJOB\033[0m     one two three four", wide(20)) ==
              "\033[1mJOB\033[0m     one two\n        three four");
    }

    TEST_CASE("folding loses and makes no word, and no line is too long that could be shorter") {
        const std::uint64_t seed = 6;
        CAPTURE(seed);
        Rng rng(seed);
        for (int round = 0; round < 2'000; ++round) {
            std::string text;
            for (std::uint64_t n = rng.below(30); n > 0; --n)
                text += std::string(1 + rng.below(12), static_cast<char>('a' + rng.below(26))) +
                        std::string(1 + rng.below(3), ' ') + (rng.chance(8) ? "\n" : "");
            const auto columns = static_cast<unsigned>(1 + rng.below(100));
            const std::string out = folded(text, wide(columns));
            CAPTURE(text);
            CAPTURE(columns);
            CHECK(words_of(out) == words_of(text));
            std::istringstream lines(out);
            for (std::string line; std::getline(lines, line);) {
                while (line.ends_with(' ')) line.pop_back();
                const auto words = words_of(line);
                // Only a last word behind a label or an indentation may stand out.
                CHECK((line.size() <= columns || line.size() - words.back().size() <= 17));
            }
        }
    }
}

}  // namespace millrace::wallet
