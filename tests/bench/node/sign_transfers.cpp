// Signed transactions for load tests, one JSON-RPC request a line.
// Run: bench_sign_transfers CHAIN_ID_HEX EXPIRY_WALL_MS SENDERS PER_SENDER BATCH FAUCET_FILE
// TRANSFERS_FILE The first file has each sender's faucet transaction; the second the transfers, in
// rounds over the senders, BATCH of them in a request (1: no batch).
#include <fmt/core.h>

#include <cstdio>
#include <fstream>
#include <vector>

#include "common/bytes.hpp"
#include "common/codec.hpp"
#include "common/sodium_init.hpp"
#include "tests/bench/node/ledger_speed.hpp"
#include "tests/bench/stopwatch.hpp"

namespace millrace {
namespace {

struct Options {
    ChainId chain;
    WallTime expiry;
    std::size_t senders = 0;
    std::size_t per_sender = 0;
    std::size_t batch = 1;
};

std::string call(std::size_t id, const market::SignedTx& tx) {
    return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"tx_send","params":["{}"]}})", id,
                       to_hex(encode(tx)));
}

market::SignedTx sign(const Options& options, bench::Sender& from, market::TxBody body) {
    market::Tx tx;
    tx.chain = options.chain;
    tx.sender = from.key;
    tx.nonce = {0, from.next++};
    tx.fee_max = Amount{kNanoPerCredit};
    tx.expiry = options.expiry;
    tx.body = std::move(body);
    const auto secret = AccountSecret::from(from.secret.view());
    return {tx, secret->sign(market::signing_hash(tx).view(), {})};
}

void run(const Options& options, const char* faucet_file, const char* transfers_file) {
    std::vector<bench::Sender> senders = bench::make_senders(options.senders);
    std::ofstream faucets(faucet_file);
    for (bench::Sender& s : senders)
        faucets << call(0,
                        sign(options, s, market::Faucet{s.address, Amount{1'000 * kNanoPerCredit}}))
                << '\n';
    std::ofstream transfers(transfers_file);
    std::size_t in_batch = 0;
    for (std::size_t round = 0; round < options.per_sender; ++round) {
        for (std::size_t i = 0; i < senders.size(); ++i) {
            const Address to = senders[(i + round + 1) % senders.size()].address;
            const std::string one = call(
                i,
                sign(options, senders[i], market::Transfer{to, Amount{kNanoPerCredit / 100}, {}}));
            if (options.batch > 1) transfers << (in_batch == 0 ? '[' : ',');
            transfers << one;
            if (++in_batch < options.batch) continue;
            transfers << (options.batch > 1 ? "]\n" : "\n");
            in_batch = 0;
        }
    }
    if (in_batch != 0) transfers << "]\n";
    fmt::print("{}\n", to_text(senders.front().address, Network::test));
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
    using namespace millrace;
    if (!init_sodium().has_value()) return 1;
    const auto chain = argc == 8 ? from_hex(argv[1]) : std::nullopt;
    if (!chain || chain->size() != ChainId::kSize) {
        fmt::print(stderr,
                   "usage: bench_sign_transfers CHAIN_ID_HEX EXPIRY_WALL_MS SENDERS PER_SENDER "
                   "BATCH FAUCET_FILE TRANSFERS_FILE\n");
        return 2;
    }
    Options options;
    options.chain = *ChainId::from(*chain);
    options.expiry = WallTime{bench::number(argv[2], 0)};
    options.senders = bench::number(argv[3], 0);
    options.per_sender = bench::number(argv[4], 0);
    options.batch = bench::number(argv[5], 0);
    run(options, argv[6], argv[7]);
    return 0;
}
