#include "wallet/describe_tx.hpp"

#include <doctest/doctest.h>

namespace millrace::wallet {
namespace {

market::Tx some_tx(market::TxBody body) {
    market::Tx tx;
    tx.nonce = {0, 3};
    tx.fee_max = Amount{2'590};
    tx.expiry = WallTime{1'795'541'008'858};
    tx.body = std::move(body);
    return tx;
}

bool has_line(const std::string& text, const std::string& name, const std::string& what) {
    const std::string line = name + std::string(20 - name.size(), ' ') + what + "\n";
    const std::size_t at = text.find(line);
    return at != std::string::npos && (at == 0 || text[at - 1] == '\n');
}

}  // namespace

TEST_SUITE("wallet/describe_tx") {
    TEST_CASE("a payment is read in credits, dates and words") {
        market::Transfer body;
        body.amount = Amount{5'000'000'000};
        const std::string memo = "rent f\xc3\xbcr May";
        body.memo.assign(memo.begin(), memo.end());
        const std::string text = describe_tx(some_tx(body), Network::test);
        CAPTURE(text);
        CHECK(has_line(text, "type", "transfer"));
        CHECK(has_line(text, "amount", "5 credits"));
        CHECK(has_line(text, "to", to_text(Address{}, Network::test)));
        CHECK(has_line(text, "memo", "\"" + memo + "\""));
        CHECK(has_line(text, "nonce", "3 of lane 0"));
        CHECK(has_line(text, "fee at most", "0.00000259 credits"));
        CHECK(has_line(text, "expires", "2026-11-24T17:23:28Z"));
        CHECK(has_line(text, "chain", std::string(64, '0')));
    }

    TEST_CASE("a job is read by its terms and by what it costs") {
        market::JobPost body;
        body.spec.tasks = 10;
        body.spec.tasks_per_lot = 2;
        body.spec.replicas = 3;
        body.spec.task_gas = Gas{2'000'000'000};
        body.spec.limit = Price{20'000'000};
        body.spec.output_bytes_max = 16U << 20U;
        body.spec.requirement.memory_tier = 1;
        body.spec.life_ms = 86'400'000;
        body.spec.arguments.push_back(std::string("--size"));
        const std::string text = describe_tx(some_tx(body), Network::test);
        CAPTURE(text);
        CHECK(has_line(text, "tasks", "10"));
        CHECK(has_line(text, "task gas", "2.000 Ggas"));
        CHECK(has_line(text, "limit", "0.02 credits per Ggas"));
        CHECK(has_line(text, "memory tier", "256 MiB"));
        CHECK(has_line(text, "output bytes max", "16 MiB"));
        CHECK(has_line(text, "life ms", "1 d"));
        CHECK(has_line(text, "arguments", "\"--size\""));
        // 60 Ggas, and a nano-credit for each of 15 lots, rounded up.
        CHECK(has_line(text, "all gas at most", "1.200001 credits; rents come on top"));
        CHECK(text.find('{') == std::string::npos);
    }

    TEST_CASE("what no ledger would take is described all the same") {
        market::JobPost body;
        body.spec.tasks = 0;
        body.spec.tasks_per_lot = 0;
        body.spec.requirement.memory_tier = 255;
        CHECK(has_line(describe_tx(some_tx(body), Network::main), "memory tier", "255"));
        body.spec.tasks = UINT32_MAX;
        body.spec.tasks_per_lot = 1;
        body.spec.replicas = 255;
        body.spec.task_gas = Gas{UINT64_MAX};
        body.spec.limit = Price{UINT64_MAX};
        CHECK(has_line(describe_tx(some_tx(body), Network::main), "all gas at most",
                       "more credits than there can be"));
    }

    TEST_CASE("nothing of somebody else's text reaches the terminal as a command") {
        const auto quoted = [](std::string_view text) { return quoted_text(as_bytes(text)); };
        CHECK(quoted("plain") == "\"plain\"");
        for (const std::string_view evil :
             {"\033[2J", "a\nfrom  me", "\xc2\x9b", "\xe2\x80\xae", "\xff", "\xe2\x81\xa6", "\x7f",
              "\xd8\x9c", "\xef\xbb\xbf"}) {
            CAPTURE(to_hex(as_bytes(evil)));
            CHECK(quoted(evil) == to_hex(as_bytes(evil)) + " (bytes in hexadecimal)");
        }
    }
}

}  // namespace millrace::wallet
