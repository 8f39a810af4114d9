#include "node/provider/local_backend.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <thread>

#include "node/provider/progress.hpp"
#include "tests/support/market_world.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wasm_builder.hpp"
#include "vm/image/publish.hpp"

/// Real workers: `millrace-worker` lies beside this program.
namespace millrace::node {
namespace {

using millrace::test::TempDir;
using millrace::test::WasmBuilder;
using millrace::test::WasmCode;
using vm::Opcode;

/// Runs until something stops it; its gas limit is hours away. It fills a mebibyte again and again,
/// so that gas goes by fast.
Bytes endless_module() {
    constexpr std::int32_t kMib = 1 << 20;
    WasmCode code;
    code.open(Opcode::loop).i32(0).i32(0).i32(kMib).op(Opcode::memory_fill, 0U);
    code.op(Opcode::br, 0U).end();
    WasmBuilder builder;
    const std::uint32_t start = builder.function(builder.type({}, {}), code);
    builder.memory(kMib / 65'536);
    builder.export_memory("memory");
    builder.export_function("_start", start);
    return builder.build();
}

struct Machine {
    TempDir folder;
    std::unique_ptr<BlobStore> blobs;
    std::unique_ptr<TreeStore> trees;
    market::World world;
    TaskOrder order;

    Machine() {
        auto opened = BlobStore::open(folder.path() / "blobs", 1U << 20U);
        REQUIRE(opened.has_value());
        blobs = *std::move(opened);
        auto kept = TreeStore::open(folder.path() / "trees", *blobs);
        REQUIRE(kept.has_value());
        trees = *std::move(kept);
        const auto module = blobs->put(endless_module());
        REQUIRE(module.has_value());
        order.module = *module;
        order.spec = world.job_spec(1);
        order.spec.task_gas = Gas{std::uint64_t{1} << 40U};
        order.time_left = std::chrono::hours{1};
    }
    LocalBackend backend(std::uint64_t memory_bytes = std::uint64_t{1} << 33U) {
        LocalLimits limits;
        limits.memory_bytes = memory_bytes;
        return LocalBackend(*blobs, *trees, folder.path() / "work", limits);
    }
};

std::string sentence(const Result<market::Claim>& ended) {
    REQUIRE_FALSE(ended.has_value());
    return ended.error().message;
}

}  // namespace

TEST_SUITE("node/local_backend") {
    TEST_CASE("a cancelled run ends at once, worker and all, having told how far it was") {
        Machine machine;
        LocalBackend backend = machine.backend();
        std::atomic<bool> is_cancelled{false};
        std::vector<Gas> told;
        const auto ended = backend.run(machine.order, is_cancelled, [&](Gas gas, const vm::Tails&) {
            told.push_back(gas);
            if (told.size() == 2) is_cancelled = true;
        });
        CHECK(sentence(ended).find("stopped") != std::string::npos);
        // When it began, and at the first boundary.
        REQUIRE(told.size() == 2);
        CHECK(told[0] == Gas{});
        CHECK(told[1] >= Gas{std::uint64_t{1} << 30U});
        CHECK(std::filesystem::is_empty(machine.folder.path() / "work"));
    }

    TEST_CASE("a run is killed when the time of its lease is over") {
        Machine machine;
        machine.order.time_left = std::chrono::milliseconds{300};
        LocalBackend backend = machine.backend();
        const std::atomic<bool> is_cancelled{false};
        const auto ended = backend.run(machine.order, is_cancelled, [](Gas, const vm::Tails&) {});
        CHECK(sentence(ended).find("deadline") != std::string::npos);
    }

    TEST_CASE("a damaged module is not run: its result would cost the stake") {
        Machine machine;
        const auto path = machine.blobs->find(machine.order.module)->path;
        LocalBackend backend = machine.backend();
        const std::atomic<bool> is_cancelled{false};
        std::fstream file(path, std::ios::in | std::ios::out);
        file.seekp(-1, std::ios::end) << '!';
        file.close();
        const auto ended = backend.run(machine.order, is_cancelled, [](Gas, const vm::Tails&) {});
        CHECK(sentence(ended).find("module is not on this node") != std::string::npos);
    }

    TEST_CASE("standard input is looked at by the task that reads it, not by whoever prepares it") {
        Machine machine;
        const auto words = machine.blobs->put(Bytes(9'000, 7));
        REQUIRE(words.has_value());
        machine.order.spec.stdin_blob.emplace();
        market::JobStdin& wanted = *machine.order.spec.stdin_blob;
        wanted.id = hash_as<std::remove_cvref_t<decltype(wanted.id)>>(*words);
        wanted.bytes = 9'001;
        LocalBackend backend = machine.backend();
        // Of another length than the job says: that is seen without reading it.
        CHECK_FALSE(backend.prepare(machine.order.spec, machine.order.module).has_value());
        wanted.bytes = 9'000;
        std::fstream(machine.blobs->find(*words)->path, std::ios::in | std::ios::out) << '!';
        CHECK(backend.prepare(machine.order.spec, machine.order.module).has_value());
        const std::atomic<bool> is_cancelled{false};
        const auto ended = backend.run(machine.order, is_cancelled, [](Gas, const vm::Tails&) {});
        CHECK(sentence(ended).find("standard input is not on this node") != std::string::npos);
    }

    TEST_CASE("what a worker made of another image than the job's is no result") {
        Machine machine;
        machine.order.spec.task_gas = Gas{1'000'000};
        LocalBackend backend = machine.backend();
        const std::atomic<bool> is_cancelled{false};
        const auto other = backend.run(machine.order, is_cancelled, [](Gas, const vm::Tails&) {});
        CHECK(sentence(other).find("another image") != std::string::npos);
        const auto published = vm::publish(endless_module());
        REQUIRE(published.has_value());
        machine.order.spec.image = hash_as<ImageRoot>(published->root);
        const auto right = backend.run(machine.order, is_cancelled, [](Gas, const vm::Tails&) {});
        REQUIRE(right.has_value());
        CHECK(right->end == market::ClaimEnd::out_of_gas);
    }

    TEST_CASE("a lot whose results would find no room is told of before it is begun") {
        Machine machine;
        LocalBackend backend = machine.backend();
        machine.order.spec.output_bytes_max = 900'000;  // of a quota of a mebibyte
        CHECK(backend.check_room(machine.order.spec).has_value());
        // Where others may go, they make room; where they may not, there is none.
        REQUIRE(machine.blobs->put(Bytes(500'000, 7)).has_value());
        CHECK(backend.check_room(machine.order.spec).has_value());
        machine.blobs->hold({}, false);
        CHECK(backend.check_room(machine.order.spec).error().message.find("no room") !=
              std::string::npos);
        machine.blobs->hold({});
        machine.trees = TreeStore::open(machine.folder.path() / "trees", *machine.blobs,
                                        {TreeStore::kBytesMax, 2 * TreeStore::kFileBytesMin})
                            .value();
        LocalBackend other = machine.backend();
        CHECK(other.check_room(machine.order.spec).has_value());
        machine.order.spec.tasks_per_lot = 2;
        CHECK(other.check_room(machine.order.spec).error().message.find("as many results") !=
              std::string::npos);
    }

    TEST_CASE("a task for which the owner gives no memory is not begun") {
        Machine machine;
        machine.order.spec.requirement.memory_tier = 1;  // 256 MiB
        const std::atomic<bool> is_cancelled{false};
        LocalBackend small = machine.backend(std::uint64_t{100} << 20U);
        CHECK(sentence(small.run(machine.order, is_cancelled, [](Gas, const vm::Tails&) {
              })).find("provider-memory-mib") != std::string::npos);

        // Two fit one by one, not together.
        LocalBackend backend = machine.backend(std::uint64_t{300} << 20U);
        std::atomic<bool> stop{false};
        std::string second;
        const auto first = backend.run(machine.order, stop, [&](Gas, const vm::Tails&) {
            if (stop) return;
            second =
                sentence(backend.run(machine.order, is_cancelled, [](Gas, const vm::Tails&) {}));
            stop = true;
        });
        CHECK(second.find("other tasks") != std::string::npos);
        CHECK(sentence(first).find("stopped") != std::string::npos);
    }
}

}  // namespace millrace::node
