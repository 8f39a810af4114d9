#include "wallet/job_request.hpp"

#include <doctest/doctest.h>

namespace millrace::wallet {
namespace {

JobFiles some_files() {
    JobFiles files;
    files.image.bytes[0] = 7;
    return files;
}

Try<market::JobSpec> spec_of(const JobOptions& options, const std::vector<std::string>& args = {}) {
    return make_spec(options, some_files(), args, market::Params::defaults());
}

market::AskView offer(std::uint8_t memory_tier, std::uint8_t region, std::uint64_t gas,
                      std::uint64_t bytes) {
    market::AskView view;
    market::AskOrder order;
    order.capability.memory_tier = memory_tier;
    order.capability.region = region;
    order.task_gas_max = Gas{gas};
    order.task_bytes_max = bytes;
    view.row.order = order;
    return view;
}

}  // namespace

TEST_SUITE("wallet/job_request") {
    TEST_CASE("what the buyer left open follows from the chain's parameters") {
        const market::Params params = market::Params::defaults();
        JobOptions options;
        options.gas = "20G";
        options.tasks = 64;
        options.environment = {"MODE=fast"};
        const auto spec = spec_of(options, {"--size", "10"});
        REQUIRE(spec.has_value());
        CHECK(spec->tasks == 64);
        CHECK(spec->tasks_per_lot == 1);
        CHECK(spec->task_gas == Gas{20'000'000'000});
        CHECK(spec->window_ms == market::shortest_window_ms(params, market::lot_gas(*spec)));
        CHECK(spec->retention_ms == params.jobs.retention_default_ms);
        CHECK(spec->life_ms == 86'400'000);
        REQUIRE(spec->arguments.size() == 2);
        CHECK(spec->arguments[0] == "--size");
        CHECK(spec->arguments[1] == "10");
        CHECK(spec->environment[0] == "MODE=fast");
        CHECK(!spec->admission.has_value());
        options.admission = "0.5";
        CHECK(spec_of(options)->admission == Amount{500'000'000});
    }

    TEST_CASE("every option out of range is refused with its name") {
        struct Row {
            const char* name;
            const char* option;
            void (*change)(JobOptions&);
        };
        const std::vector<Row> rows = {
            {"no tasks", "--tasks", [](JobOptions& o) { o.tasks = 0; }},
            {"too many tasks", "--tasks", [](JobOptions& o) { o.tasks = 65'537; }},
            {"too many with replicas", "--tasks",
             [](JobOptions& o) {
                 o.tasks = 40'000;
                 o.replicas = 2;
             }},
            {"no replicas", "--replicas", [](JobOptions& o) { o.replicas = 0; }},
            {"too many replicas", "--replicas", [](JobOptions& o) { o.replicas = 9; }},
            {"gas is a word", "--gas", [](JobOptions& o) { o.gas = "much"; }},
            {"gas above the most", "2^50", [](JobOptions& o) { o.gas = "1125900G"; }},
            {"two long tasks in a lot", "--tasks-per-lot",
             [](JobOptions& o) {
                 o.gas = "61G";
                 o.tasks_per_lot = 2;
             }},
            {"an empty lot", "--tasks-per-lot", [](JobOptions& o) { o.tasks_per_lot = 0; }},
            {"a lot above its gas", "--tasks-per-lot", [](JobOptions& o) { o.tasks_per_lot = 7; }},
            {"memory", "--memory-mib", [](JobOptions& o) { o.memory_mib = 1ULL << 40U; }},
            {"output", "--output-mib", [](JobOptions& o) { o.output_mib = 1ULL << 40U; }},
            {"region", "--region", [](JobOptions& o) { o.regions = {64}; }},
            {"attempts", "--attempts", [](JobOptions& o) { o.attempts = 0; }},
            {"window too short", "--window", [](JobOptions& o) { o.window = "1s"; }},
            {"window too long", "--window", [](JobOptions& o) { o.window = "31d"; }},
            {"life", "--life", [](JobOptions& o) { o.life = "31d"; }},
            {"no life", "--life", [](JobOptions& o) { o.life = "0s"; }},
            {"retention", "--retention", [](JobOptions& o) { o.retention = "91d"; }},
            {"reserved name", "MILLRACE_", [](JobOptions& o) { o.environment = {"MILLRACE_X=1"}; }},
            {"no equals sign", "environment", [](JobOptions& o) { o.environment = {"X"}; }},
            {"too long", "--env",
             [](JobOptions& o) { o.environment = {"X=" + std::string(3'200, 'x')}; }},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            JobOptions options;
            row.change(options);
            const auto spec = spec_of(options);
            REQUIRE_FALSE(spec.has_value());
            CHECK(spec.error().exit == Exit::usage);
            CAPTURE(spec.error().message);
            CHECK(spec.error().message.find(row.option) != std::string::npos);
        }
    }

    TEST_CASE("a task above the gas of a lot is a lot by itself, with the window that it needs") {
        JobOptions options;
        options.tasks = 5'000;
        for (const char* gas : {"61G", "100G", "1125899G"}) {
            CAPTURE(gas);
            options.gas = gas;
            const auto spec = spec_of(options);
            REQUIRE(spec.has_value());
            CHECK(spec->tasks_per_lot == 1);
            CHECK(spec->window_ms ==
                  market::shortest_window_ms(market::Params::defaults(), market::lot_gas(*spec)));
        }
    }

    TEST_CASE("lots grow until they are worth their fees, and no further than they may") {
        const market::Params params = market::Params::defaults();
        const Price dear{5'000'000'000};
        CHECK(lot_size_for(params, 64, Gas{1'000'000'000}, dear) == 1);
        CHECK(lot_size_for(params, 65'536, Gas{100'000'000}, dear) == 64);
        // At most as many as the lot's gas allows.
        CHECK(lot_size_for(params, 65'536, Gas{30'000'000'000}, dear) == 2);
        CHECK(lot_size_for(params, 65'536, Gas{60'000'000'000}, dear) == 1);
        const Price cheap{5'000'000};
        const Gas small{10'000'000};
        const std::uint16_t size = lot_size_for(params, 10, small, cheap);
        REQUIRE(size > 1);
        const auto worth = [&](std::uint64_t n) {
            return pay_for(Gas{small.value * n}, cheap)->value;
        };
        CHECK(worth(size) >= market::prepaid_move_fees(params, size).value);
        CHECK(worth(size - 1U) < market::prepaid_move_fees(params, size - 1U).value);
        // Hopeless: one task's worth is below even its share of the fees.
        CHECK(lot_size_for(params, 10, Gas{1}, Price{1}) == 1);
    }

    TEST_CASE("the limit is a quarter above the quote, rounded up, within the bound") {
        const auto limit = [](std::uint64_t price) {
            market::Quote quote;
            quote.price = Price{price};
            return default_limit(quote).value;
        };
        CHECK(limit(4) == 5);
        CHECK(limit(5) == 7);
        CHECK(limit(0) == 1);
        CHECK(limit(market::kPriceBound - 1) == market::kPriceBound - 1);
    }

    TEST_CASE("memory is rounded up to a tier") {
        CHECK(memory_tier_for(0) == 0);
        CHECK(memory_tier_for(64) == 0);
        CHECK(memory_tier_for(65) == 1);
        CHECK(memory_tier_for(256) == 1);
        CHECK(memory_tier_for(4'096) == 3);
        CHECK_FALSE(memory_tier_for(~std::uint64_t{0}).has_value());
    }

    TEST_CASE("why nobody sells names the requirement that excludes most") {
        market::JobSpec spec;
        spec.requirement.memory_tier = 2;
        spec.task_gas = Gas{10};
        spec.output_bytes_max = 100;
        CHECK(why_nobody({}, spec).find("no provider") != std::string::npos);
        CHECK(why_nobody({offer(0, 0, 100, 1'000), offer(1, 0, 5, 1'000)}, spec)
                  .find("--memory-mib") != std::string::npos);
        CHECK(
            why_nobody({offer(2, 0, 5, 1'000), offer(3, 0, 5, 1'000), offer(0, 0, 5, 1'000)}, spec)
                .find("--gas") != std::string::npos);
        CHECK(why_nobody({offer(2, 0, 100, 99)}, spec).find("--output-mib") != std::string::npos);
        // One that could: it is busy or too dear.
        CHECK(why_nobody({offer(2, 0, 100, 1'000), offer(0, 0, 5, 1)}, spec).empty());
        spec.requirement.regions = 1ULL << 9U;
        CHECK(why_nobody({offer(2, 0, 100, 1'000)}, spec).find("--region") != std::string::npos);
    }

    TEST_CASE("lots that no provider is left for are named with the option to lower") {
        market::JobSpec spec;
        spec.tasks = 4;
        spec.task_gas = Gas{10};
        spec.output_bytes_max = 100;
        const std::vector<market::AskView> two = {offer(0, 0, 10, 100), offer(0, 0, 10, 100),
                                                  offer(0, 0, 5, 100)};
        CHECK(why_not_all(two, spec).empty());
        spec.replicas = 2;
        CHECK(why_not_all(two, spec).empty());
        spec.replicas = 3;
        CHECK(why_not_all(two, spec).find("2 providers can do it: lower --replicas") !=
              std::string::npos);
        spec.replicas = 1;
        spec.spread = 2;
        CHECK(why_not_all(two, spec).empty());
        spec.spread = 1;
        CHECK(why_not_all(two, spec).find("1 of the 4 lots") != std::string::npos);
        CHECK(why_not_all(two, spec).find("raise --spread") != std::string::npos);
    }

    TEST_CASE("the question to the market is the specification's demand") {
        market::JobSpec spec;
        spec.tasks = 10;
        spec.tasks_per_lot = 3;
        spec.replicas = 2;
        spec.task_gas = Gas{5};
        spec.input = market::JobInput{{}, 7};
        spec.stdin_blob = market::JobStdin{{}, 3};
        spec.output_bytes_max = 100;
        const auto params = quote_params(spec);
        CHECK(params.at("lots").to_number<int>() == 4);
        CHECK(params.at("replicas").to_number<int>() == 2);
        CHECK(params.at("task_bytes").to_number<int>() == 110);
    }
}

}  // namespace millrace::wallet
