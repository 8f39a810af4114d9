#include "node/dev_chain.hpp"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "node/chain/clock_watch.hpp"
#include "node/storage/durable_file.hpp"

namespace millrace::node {

namespace {

constexpr int kErrorGenesis = 2;
/// A document with all its allocations and validators is below this.
constexpr std::size_t kGenesisBytesMax = 4U << 20U;
/// 2026-01-01: a clock before that has lost its battery.
constexpr WallTime kEarliestGenesis{1'767'225'600'000};
constexpr Amount kDevProviderFunds{1'000'000 * kNanoPerCredit};
constexpr Amount kDevValidatorStake{1'000'000 * kNanoPerCredit};
constexpr std::uint64_t kMib = 1U << 20U;
/// More bytes than a task's input and output can have; an owner's disk policy is a later setting.
constexpr std::uint64_t kTaskBytesMax = std::uint64_t{1} << 40U;

std::uint64_t memory_of_machine() {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page_size = ::sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page_size <= 0) return 1024 * kMib;
    return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_size);
}

/// The highest tier whose memory fits into this many bytes.
std::uint8_t tier_for(std::uint64_t bytes) {
    std::uint8_t tier = 0;
    while (tier + 1 < market::kMemoryTiers &&
           market::memory_tier_bytes(static_cast<std::uint8_t>(tier + 1)) <= bytes)
        ++tier;
    return tier;
}

}  // namespace

Result<market::Genesis> load_or_make_dev_genesis(const std::filesystem::path& path,
                                                 const NodeKeys& keys) {
    MILLRACE_TRY(const std::optional<Bytes> kept, read_small_file(path, kGenesisBytesMax));
    if (kept) {
        boost::system::error_code ec;
        const auto parsed = boost::json::parse(as_text(*kept), ec);
        auto genesis = ec ? Result<market::Genesis, JsonError>(Err{JsonError{"", "not JSON"}})
                          : from_json<market::Genesis>(parsed);
        if (!genesis.has_value())
            return Err{Error{kErrorGenesis, "genesis document " + path.string() + ": " +
                                                genesis.error().sentence()}};
        if (const auto good = market::check_genesis(*genesis); !good.has_value())
            return Err{Error{kErrorGenesis,
                             "genesis document " + path.string() + ": " + enum_name(good.error())}};
        return *std::move(genesis);
    }
    const WallTime now = SystemClock().now().wall;
    if (now < kEarliestGenesis)
        return Err{Error{kErrorGenesis,
                         "this machine's clock is before the year 2026, so it is wrong: set it, "
                         "then start again; a chain's time never goes back"}};
    const Address owner = to_address(keys.provider.public_key());
    market::Genesis genesis;
    genesis.name = std::string("dev");
    genesis.network = Network::test;
    genesis.time = now;
    genesis.params = market::Params::dev();
    genesis.faucet = true;
    genesis.allocations.push_back({owner, kDevProviderFunds});
    genesis.validators.push_back({owner, keys.vote.public_key(), keys.vrf.public_key(),
                                  keys.peer.public_key(), kDevValidatorStake});
    if (const auto good = market::check_genesis(genesis); !good.has_value())
        return Err{Error{kErrorGenesis,
                         std::string("the dev genesis is invalid: ") + enum_name(good.error())}};
    // Durable before the ledger is begun: a ledger whose genesis document is lost opens no more.
    const std::string text = boost::json::serialize(to_json(genesis)) + "\n";
    constexpr unsigned kMode = 0644;
    MILLRACE_CHECK(write_durably(path, as_bytes(text), kMode));
    return genesis;
}

std::uint64_t memory_for_tasks(const Settings& settings) {
    return settings.provider_memory_mib != 0 ? settings.provider_memory_mib * kMib
                                             : memory_of_machine() / 2;
}

Offer make_offer(const Settings& settings) {
    Offer offer;
    const std::uint32_t cores = settings.provider_cores != 0
                                    ? settings.provider_cores
                                    : std::max(1U, std::thread::hardware_concurrency());
    // A slot that has not the memory of the smallest tier could lease tasks and never run them.
    const std::uint64_t fits = memory_for_tasks(settings) / market::memory_tier_bytes(0);
    const std::uint64_t most = market::Params::dev().stake.slots_max;
    offer.cores = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(fits, 1, std::min<std::uint64_t>(cores, most)));
    offer.stake = settings.provider_stake;
    offer.ask.steps.push_back({settings.provider_ask, offer.cores});
    offer.ask.machine.memory_tier = tier_for(memory_for_tasks(settings) / offer.cores);
    offer.ask.task_gas_max = Gas{market::kTaskGasMax};
    offer.ask.task_bytes_max = kTaskBytesMax;
    return offer;
}

}  // namespace millrace::node
