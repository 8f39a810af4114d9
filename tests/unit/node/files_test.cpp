#include <doctest/doctest.h>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <atomic>
#include <thread>

#include <atomic>
#include <boost/json/parse.hpp>
#include <fstream>
#include <sstream>
#include <thread>

#include "node/blobs/pins.hpp"
#include "node/dev_chain.hpp"
#include "node/keys.hpp"
#include "node/log.hpp"
#include "node/provider/journal.hpp"
#include "node/storage/durable_file.hpp"
#include "tests/support/market_world.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace::node {
namespace {

namespace fs = std::filesystem;

unsigned mode_of(const fs::path& path) {
    struct stat info{};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 0777U;
}
void overwrite(const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

JournalEntry entry_of(std::uint8_t number) {
    JournalEntry entry;
    entry.lease.bytes[0] = number;
    entry.salt.bytes[3] = number;
    entry.claims.push_back(market::World::make_claim(number, Gas{5}));
    return entry;
}

/// A tree that needs no blob.
vm::TreeManifest empty_files(std::size_t count) {
    vm::TreeManifest manifest;
    for (std::size_t i = 0; i < count; ++i) manifest.regions.emplace_back();
    return manifest;
}

Known look_and_hold(BlobStore& blobs, TreeStore& trees, Needed needed) {
    add_blobs_of_trees(trees, needed);
    return hold(blobs, trees, std::move(needed));
}

}  // namespace

TEST_SUITE("node/files") {
    TEST_CASE("a durable file is replaced whole, whatever an interrupted run left beside it") {
        const test::TempDir folder;
        const fs::path path = folder.path() / "file";
        CHECK_FALSE(read_small_file(path, 100).value().has_value());
        overwrite(path.string() + ".1.new", "a part of something");
        REQUIRE(write_durably(path, as_bytes("one"), 0600).has_value());
        CHECK(mode_of(path) == 0600);
        REQUIRE(write_durably(path, as_bytes("two"), 0600).has_value());
        CHECK(as_text(**read_small_file(path, 3)) == "two");
        CHECK_FALSE(read_small_file(path, 2).has_value());
        CHECK_FALSE(
            write_durably(folder.path() / "absent" / "file", as_bytes("x"), 0600).has_value());
    }

    TEST_CASE("several threads that write one durable file all succeed, and leave one file") {
        const test::TempDir folder;
        const fs::path path = folder.path() / "file";
        constexpr int kThreads = 4;
        constexpr int kWrites = 50;
        std::atomic<int> failed{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < kThreads; ++i)
            threads.emplace_back([&] {
                for (int k = 0; k < kWrites; ++k)
                    if (!write_durably(path, as_bytes("the same"), 0600).has_value()) ++failed;
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(failed == 0);
        CHECK(as_text(**read_small_file(path, 8)) == "the same");
        CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
    }

    TEST_CASE("the journal is there after a restart, until its entry is erased") {
        const test::TempDir folder;
        {
            auto journal = Journal::open(folder.path());
            REQUIRE(journal.has_value());
            REQUIRE(journal->put(entry_of(1)).has_value());
            REQUIRE(journal->put(entry_of(2)).has_value());
            journal->erase(entry_of(1).lease);
            CHECK(journal->find(entry_of(1).lease) == nullptr);
        }
        overwrite(folder.path() / "torn.lease.new", "half an entry");
        auto journal = Journal::open(folder.path());
        REQUIRE(journal.has_value());
        CHECK(journal->entries().size() == 1);
        const JournalEntry* kept = journal->find(entry_of(2).lease);
        REQUIRE(kept != nullptr);
        CHECK(encode(*kept) == encode(entry_of(2)));
        CHECK_FALSE(fs::exists(folder.path() / "torn.lease.new"));
        for (const auto& file : fs::directory_iterator(folder.path()))
            CHECK(mode_of(file.path()) == 0600);  // a salt is a secret until it is revealed
    }

    TEST_CASE("a damaged entry is refused by name, and so is one under another's name") {
        const test::TempDir folder;
        fs::path path;
        {
            auto journal = Journal::open(folder.path());
            REQUIRE(journal->put(entry_of(1)).has_value());
            path = fs::directory_iterator(folder.path())->path();
        }
        const std::string whole = std::string(as_text(**read_small_file(path, 1U << 20U)));
        for (const std::string& bad :
             {std::string(), whole.substr(0, whole.size() - 1), whole + "x"}) {
            overwrite(path, bad);
            const auto opened = Journal::open(folder.path());
            REQUIRE_FALSE(opened.has_value());
            CHECK(opened.error().message.find(path.string()) != std::string::npos);
        }
        overwrite(path, whole);
        fs::rename(path, folder.path() / (std::string(64, 'a') + ".lease"));
        CHECK_FALSE(Journal::open(folder.path()).has_value());
    }

    TEST_CASE("keys are made once, for the owner's eyes only, and read back the same") {
        const test::TempDir folder;
        const auto made = load_or_make_keys(folder.path() / "keys");
        REQUIRE(made.has_value());
        CHECK(mode_of(folder.path() / "keys") == 0700);
        std::size_t files = 0;
        for (const auto& file : fs::directory_iterator(folder.path() / "keys")) {
            CHECK(mode_of(file.path()) == 0600);
            ++files;
        }
        CHECK(files == 5);
        const auto again = load_or_make_keys(folder.path() / "keys");
        REQUIRE(again.has_value());
        CHECK(again->vote.public_key() == made->vote.public_key());
        CHECK(again->provider.public_key() == made->provider.public_key());

        const fs::path vote = folder.path() / "keys" / "vote.key";
        ::chmod(vote.c_str(), 0640);
        CHECK(load_or_make_keys(folder.path() / "keys").error().message.find("others may read") !=
              std::string::npos);
        ::chmod(vote.c_str(), 0600);
        overwrite(vote, std::string(64, 'g') + "\n");
        CHECK(load_or_make_keys(folder.path() / "keys").error().message.find("hexadecimal") !=
              std::string::npos);
        overwrite(vote, "ab");
        CHECK(load_or_make_keys(folder.path() / "keys").error().message.find("cut short") !=
              std::string::npos);
        // A key file that is there and unreadable is never replaced by a new key.
        CHECK(as_text(**read_small_file(vote, 100)) == "ab");
    }

    TEST_CASE("the dev genesis is written once and names the same chain ever after") {
        const test::TempDir folder;
        const auto keys = load_or_make_keys(folder.path() / "keys");
        REQUIRE(keys.has_value());
        const fs::path path = folder.path() / "genesis.json";
        const auto made = load_or_make_dev_genesis(path, *keys);
        REQUIRE(made.has_value());
        const auto again = load_or_make_dev_genesis(path, *keys);
        REQUIRE(again.has_value());
        CHECK(market::chain_id_of(*again) == market::chain_id_of(*made));
        overwrite(path, "{");
        CHECK(load_or_make_dev_genesis(path, *keys).error().message.find("not JSON") !=
              std::string::npos);
    }

    TEST_CASE("a log line is one JSON object or one line of text, whatever a message quotes") {
        const std::string nasty = "a \"quoted\"\nline\x1b[2J \\ of \xff bytes";
        for (const bool json : {true, false}) {
            std::ostringstream out;
            spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
            logger.set_formatter(make_log_formatter(json));
            logger.warn("{}", nasty);
            logger.warn("{}", "plain \"words\"\n");
            std::istringstream lines(out.str());
            std::string line;
            int count = 0;
            while (std::getline(lines, line)) {
                ++count;
                CHECK(line.find('\x1b') == std::string::npos);
                if (!json) continue;
                const auto parsed = boost::json::parse(line);
                CHECK(parsed.at("level").as_string() == "warning");
                CHECK(parsed.at("time").is_string());
                if (count == 2) CHECK(parsed.at("message").as_string() == "plain \"words\"\n");
            }
            CHECK(count == 2);
        }
    }

    TEST_CASE("a tree and its blobs survive uploads while they are held") {
        const test::TempDir folder;
        auto blobs = BlobStore::open(folder.path() / "blobs", 30'000);
        auto trees = TreeStore::open(folder.path() / "trees", **blobs);
        REQUIRE(trees.has_value());
        const Bytes content(10'000, 1);
        REQUIRE((*blobs)->put(content).has_value());
        vm::TreeManifest manifest;
        manifest.regions.push_back({});
        manifest.regions.back().length = content.size();
        manifest.regions.back().root =
            hash_as<std::remove_cvref_t<decltype(manifest.regions.back().root)>>(
                region_root(content));
        const auto root = (*trees)->put(manifest);
        REQUIRE(root.has_value());
        CHECK((*trees)->blobs_of(*root).value().size() == 1);
        Needed needed;
        needed.add_output(*root, Hash{});
        look_and_hold(**blobs, **trees, needed);
        for (std::uint8_t i = 2; i < 6; ++i) REQUIRE((*blobs)->put(Bytes(9'000, i)).has_value());
        CHECK((*trees)->find(*root).value().has_value());
        look_and_hold(**blobs, **trees, {});
        for (std::uint8_t i = 6; i < 10; ++i) REQUIRE((*blobs)->put(Bytes(9'000, i)).has_value());
        CHECK_FALSE((*trees)->find(*root).value().has_value());
    }

    TEST_CASE("lists of trees that are needed leave no room for others, and stay") {
        const test::TempDir folder;
        auto blobs = BlobStore::open(folder.path() / "blobs", 30'000);
        auto trees = TreeStore::open(folder.path() / "trees", **blobs,
                                     {2 * TreeStore::kFileBytesMin, 4 * TreeStore::kFileBytesMin});
        REQUIRE(trees.has_value());
        const TreeRoot one = (*trees)->put(empty_files(1)).value();
        const TreeRoot two = (*trees)->put(empty_files(2)).value();
        (*trees)->hold({one, two}, {}, {});
        CHECK((*trees)->put(empty_files(3)).error().code == kBlobStoreFull);
        CHECK((*trees)->put(empty_files(2)).has_value());  // it is there
        // Nor where nobody knows what is needed.
        (*trees)->hold({}, {}, {}, false);
        CHECK((*trees)->put(empty_files(3)).error().code == kBlobStoreFull);
        CHECK((*trees)->find(one).value().has_value());
        (*trees)->hold({two}, {}, {});
        CHECK((*trees)->put(empty_files(3)).has_value());
        CHECK_FALSE((*trees)->find(one).value().has_value());
        CHECK((*trees)->find(two).value().has_value());
    }

    TEST_CASE("what was sent takes no room from the provider's results, nor they from it") {
        const test::TempDir folder;
        auto blobs = BlobStore::open(folder.path() / "blobs", 30'000);
        const TreeStore::Bounds bounds{2 * TreeStore::kFileBytesMin, 4 * TreeStore::kFileBytesMin};
        auto trees = TreeStore::open(folder.path() / "trees", **blobs, bounds);
        REQUIRE(trees.has_value());
        const auto tails = [](std::uint8_t byte) {
            vm::Tails out;
            out.out.push_back(byte);
            return out;
        };
        const auto tails_are_here = [&](std::uint8_t byte) {
            return (*trees)->find_tails(vm::tails_hash(tails(byte))).value().has_value();
        };
        // Full of what others need.
        const TreeRoot one = (*trees)->put(empty_files(1)).value();
        const TreeRoot two = (*trees)->put(empty_files(2)).value();
        (*trees)->hold({one, two}, {}, {});
        CHECK((*trees)->has_own_room(2));
        CHECK_FALSE((*trees)->has_own_room(3));
        std::set<TreeRoot> left;
        std::set<Hash> ends;
        for (std::uint8_t i = 0; i < 2; ++i) {
            left.insert((*trees)->put_output(empty_files(10 + i)).value());
            REQUIRE((*trees)->put_tails(tails(i)).has_value());
            ends.insert(vm::tails_hash(tails(i)));
        }
        CHECK_FALSE((*trees)->has_own_room(1));
        // One more, of a lease that was started before: it is not lost.
        CHECK((*trees)->put_output(empty_files(20)).has_value());
        // A look, which after a start is the first that tells whose they are.
        trees = TreeStore::open(folder.path() / "trees", **blobs, bounds);
        (*trees)->hold({one}, left, ends);
        CHECK_FALSE((*trees)->has_own_room(1));
        // All of theirs is here, and there is room for what is sent, as one of it may go.
        CHECK((*trees)->put(empty_files(3)).has_value());
        CHECK_FALSE((*trees)->find(two).value().has_value());
        for (const TreeRoot& root : left) CHECK((*trees)->find(root).value().has_value());
        CHECK(tails_are_here(0));
        CHECK(tails_are_here(1));
        // Their retention is over: they are like what was sent, and give way.
        (*trees)->hold({}, {}, {});
        CHECK((*trees)->has_own_room(2));
        CHECK((*trees)->put(empty_files(4)).has_value());
        CHECK_FALSE(tails_are_here(0));
    }

    TEST_CASE(
        "where a look does not take in all of the provider's, nothing is evicted; more jobs stop "
        "nothing") {
        market::World world;
        world.must("alice", world.publication());
        for (int i = 0; i < 2; ++i) world.must("alice", market::JobPost{world.job_spec()});
        const Address bob = world.address("bob");
        market::StateWrites writes;
        for (std::uint32_t i = 0; i < 2; ++i) {
            market::Lease lease;
            lease.job = world.next_job("alice");
            lease.provider = bob;
            const LeaseId id = market::lease_id_of(lease.job, i);
            writes[market::lease_key(id).bytes()] = encode(lease);
            writes[market::provider_lease_key(bob, id).bytes()] = Bytes{};
        }
        world.state.apply(writes);
        const auto looked = [&](const NeededLimits& limits) {
            const Needed needed = needed_by_jobs(world.state, bob, limits);
            return std::pair(needed.is_complete, needed.has_all_jobs);
        };
        CHECK(looked({}) == std::pair(true, true));
        CHECK(looked({2, 1, 2, 0, 2}) == std::pair(true, true));
        CHECK(looked({1, 1, 2, 0, 2}) == std::pair(true, false));
        CHECK(looked({2, 0, 2, 0, 2}) == std::pair(true, false));
        CHECK(looked({2, 1, 1, 0, 2}) == std::pair(false, true));
        CHECK(looked({2, 1, 2, 0, 1}) == std::pair(true, false));
        const std::atomic<bool> is_stopping{true};
        CHECK_FALSE(needed_by_jobs(world.state, bob, {}, is_stopping).is_complete);

        const test::TempDir folder;
        auto blobs = BlobStore::open(folder.path() / "blobs", 4096);
        auto trees = TreeStore::open(folder.path() / "trees", **blobs);
        REQUIRE(trees.has_value());
        const BlobId mine = (*blobs)->put(Bytes(10, 1)).value();
        Needed needed;
        needed.is_complete = false;
        CHECK(look_and_hold(**blobs, **trees, needed) == Known::too_little);
        CHECK((*blobs)->put(Bytes(10, 2)).error().code == kBlobStoreFull);
        // More jobs than anybody can look through: what is known to be needed stays, and the rest
        // makes room.
        needed = {};
        needed.blobs.insert(mine);
        needed.has_all_jobs = false;
        CHECK(look_and_hold(**blobs, **trees, needed) == Known::own);
        CHECK((*blobs)->put(Bytes(10, 2)).error().code == kBlobStoreFull);
        needed.blobs.clear();
        CHECK(look_and_hold(**blobs, **trees, needed) == Known::own);
        CHECK((*blobs)->put(Bytes(10, 2)).has_value());
        CHECK(look_and_hold(**blobs, **trees, {}) == Known::all);
        // A list of files that the disk does not give back: nobody knows what it names.
        const TreeRoot root{};
        std::filesystem::create_directory(folder.path() / "trees" /
                                          (to_hex(root.view()) + ".tree"));
        needed = {};
        needed.trees_of_jobs.insert(root);
        CHECK(look_and_hold(**blobs, **trees, needed) == Known::own);
        CHECK((*blobs)->put(Bytes(10, 3)).has_value());
        for (auto roots : {&Needed::trees, &Needed::outputs}) {
            needed = {};
            (needed.*roots).insert(root);
            CHECK(look_and_hold(**blobs, **trees, needed) == Known::too_little);
            CHECK((*blobs)->put(Bytes(10, 4)).error().code == kBlobStoreFull);
        }
    }

    TEST_CASE("a damaged list of a tree is as good as none, and written anew when it comes again") {
        const test::TempDir folder;
        auto blobs = BlobStore::open(folder.path() / "blobs", 1U << 20U);
        auto trees = TreeStore::open(folder.path() / "trees", **blobs);
        REQUIRE(trees.has_value());
        vm::TreeManifest manifest;
        manifest.regions.emplace_back();
        manifest.regions.back().length = 100;
        manifest.regions.back().root =
            hash_as<std::remove_cvref_t<decltype(manifest.regions.back().root)>>(
                region_root(Bytes(100, 1)));
        REQUIRE((*blobs)->put(Bytes(100, 1)).has_value());
        const TreeRoot root = (*trees)->put(manifest).value();
        const auto file = std::filesystem::directory_iterator(folder.path() / "trees")->path();
        std::filesystem::resize_file(file, 5);
        CHECK_FALSE((*trees)->find(root).value().has_value());
        CHECK((*trees)->blobs_of(root).value().empty());
        CHECK((*trees)->put(manifest).value() == root);
        CHECK((*trees)->find(root).value().has_value());
    }

    TEST_CASE(
        "what is needed: a job's reads until its lots are done, its results as long as kept") {
        market::World world;
        world.must("alice", world.publication());
        market::JobSpec spec = world.job_spec();
        spec.stdin_blob.emplace();
        spec.stdin_blob->id.bytes[0] = 9;
        const JobId job = world.next_job("alice");
        world.must("alice", market::JobPost{spec});
        const Address bob = world.address("bob");
        const BlobId input = hash_as<BlobId>(spec.stdin_blob->id);
        Needed needed = needed_by_jobs(world.state, bob);
        CHECK(needed.blobs.size() == 2);  // the module and the input
        CHECK(needed.blobs.contains(input));
        CHECK(needed.trees.empty());

        market::TaskResult result;
        result.output_root.bytes[0] = 4;
        result.tails.bytes[0] = 5;
        market::TaskResult another = result;
        another.output_root.bytes[0] = 6;
        market::Lease lease;
        lease.job = job;
        lease.provider = bob;
        lease.state = market::LeaseState::settled;
        const LeaseId id = market::lease_id_of(job, 1);
        market::StateWrites writes;
        writes[market::task_result_key(job, 0, bob).bytes()] = encode(result);
        writes[market::task_result_key(job, 0, world.address("carol")).bytes()] = encode(another);
        writes[market::lease_key(id).bytes()] = encode(lease);
        writes[market::provider_lease_key(bob, id).bytes()] = Bytes{};
        auto ended = *market::load<market::Job>(world.state, market::job_key(job));
        ended.chunks_left = 0;
        writes[market::job_key(job).bytes()] = encode(ended);
        world.state.apply(writes);
        // Settled, and its retention runs: what it left must stay, and what would prove it.
        needed = needed_by_jobs(world.state, bob);
        CHECK(needed.blobs.contains(input));
        CHECK(needed.trees.empty());
        CHECK(needed.outputs == std::set<TreeRoot>{result.output_root});
        CHECK(needed.tails == std::set<Hash>{result.tails});
        // The retention is over: the ledger takes the lease off its provider's list, and the rows
        // of the result, which stay a while longer, hold nothing.
        market::StateWrites over;
        over[market::provider_lease_key(bob, id).bytes()] = std::nullopt;
        world.state.apply(over);
        needed = needed_by_jobs(world.state, bob);
        CHECK(needed.blobs.size() == 1);  // the published module
        CHECK(needed.outputs.empty());
        CHECK(needed.tails.empty());
        Needed whole;
        REQUIRE(add_whole_job(world.state, job, whole));
        CHECK(whole.outputs == std::set<TreeRoot>{result.output_root, another.output_root});
        CHECK(whole.blobs.contains(input));
        CHECK_FALSE(add_whole_job(world.state, JobId{}, whole));
    }

    TEST_CASE("a pinned job's data outlive its retention, its rows and a restart") {
        const test::TempDir folder;
        market::World world;
        world.must("alice", world.publication());
        market::JobSpec spec = world.job_spec();
        const Bytes words(10'000, 7);
        const BlobId input = hash_as<BlobId>(file_id(words.size(), region_root(words)));
        spec.stdin_blob.emplace();
        spec.stdin_blob->id = hash_as<std::remove_cvref_t<decltype(spec.stdin_blob->id)>>(input);
        spec.stdin_blob->bytes = words.size();
        const JobId job = world.next_job("alice");
        world.must("alice", market::JobPost{spec});
        constexpr std::uint64_t kQuota = 10 * 4096;
        const auto push_out = [](BlobStore& blobs) {
            for (std::uint8_t i = 0; i < 20; ++i)
                if (!blobs.put(Bytes(8'000, i)).has_value()) return false;
            return true;
        };
        {
            auto blobs = BlobStore::open(folder.path() / "blobs", kQuota);
            auto trees = TreeStore::open(folder.path() / "trees", **blobs);
            auto pins = Pins::open(folder.path() / "pins", **blobs, **trees);
            REQUIRE(pins.has_value());
            REQUIRE((*blobs)->put(words).value() == input);
            CHECK((*pins)->pin(world.state, JobId{}).error().code == kPinNoJob);
            const auto pin = (*pins)->pin(world.state, job);
            REQUIRE(pin.has_value());
            CHECK(pin->bytes_here == words.size());
            CHECK(pin->missing == 1);  // the module, which nobody sent here
            CHECK(push_out(**blobs));
            CHECK((*blobs)->find(input).has_value());

            // An output comes, and the ledger says so.
            const Bytes content(5'000, 9);
            REQUIRE((*blobs)->put(content).has_value());
            vm::TreeManifest manifest;
            manifest.regions.push_back({});
            manifest.regions.back().length = content.size();
            manifest.regions.back().root =
                hash_as<std::remove_cvref_t<decltype(manifest.regions.back().root)>>(
                    region_root(content));
            market::TaskResult result;
            result.output_root = (*trees)->put(manifest).value();
            market::StateWrites writes;
            writes[market::task_result_key(job, 0, world.address("bob")).bytes()] = encode(result);
            world.state.apply(writes);
            REQUIRE((*pins)->refresh(world.state).has_value());
            CHECK(push_out(**blobs));
            CHECK((*trees)->find(result.output_root).value().has_value());
            CHECK((*pins)->list().at(0).bytes_here == words.size() + content.size());
        }
        // The ledger forgets the job; the pin does not.
        const market::World empty;
        auto blobs = BlobStore::open(folder.path() / "blobs", kQuota);
        auto trees = TreeStore::open(folder.path() / "trees", **blobs);
        auto pins = Pins::open(folder.path() / "pins", **blobs, **trees);
        REQUIRE(pins.has_value());
        REQUIRE((*pins)->refresh(empty.state).has_value());
        CHECK(push_out(**blobs));
        CHECK((*blobs)->find(input).has_value());
        CHECK((*pins)->list().at(0).bytes_here == words.size() + 5'000);
        CHECK((*pins)->pin(empty.state, job).has_value());  // twice is once
        CHECK(*(*pins)->unpin(job));
        CHECK_FALSE(*(*pins)->unpin(job));
        CHECK(push_out(**blobs));
        CHECK_FALSE((*blobs)->find(input).has_value());
        CHECK((*pins)->list().empty());

        overwrite(folder.path() / "pins" / (std::string(64, 'a') + ".pin"), "half a pin");
        const auto damaged = Pins::open(folder.path() / "pins", **blobs, **trees);
        REQUIRE_FALSE(damaged.has_value());
        CHECK(damaged.error().message.find("delete it") != std::string::npos);
    }

    TEST_CASE("a job with more results than a pin keeps is refused, not pinned in part") {
        const test::TempDir folder;
        market::World world;
        world.must("alice", world.publication());
        const JobId job = world.next_job("alice");
        world.must("alice", market::JobPost{world.job_spec()});
        market::StateWrites writes;
        for (std::uint32_t task = 0; task <= kNeededResultsMax; ++task)
            writes[market::task_result_key(job, task, world.address("bob")).bytes()] =
                encode(market::TaskResult{});
        world.state.apply(writes);
        auto blobs = BlobStore::open(folder.path() / "blobs", 30'000);
        auto trees = TreeStore::open(folder.path() / "trees", **blobs);
        auto pins = Pins::open(folder.path() / "pins", **blobs, **trees);
        REQUIRE(pins.has_value());
        const auto refused = (*pins)->pin(world.state, job);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code == kPinTooMany);
        CHECK((*pins)->list().empty());
        market::StateWrites one_less;
        one_less[market::task_result_key(job, 0, world.address("bob")).bytes()] = std::nullopt;
        world.state.apply(one_less);
        CHECK((*pins)->pin(world.state, job).has_value());
    }

    TEST_CASE("a pin that cannot be written keeps no other from being kept up") {
        const test::TempDir folder;
        market::World world;
        world.must("alice", world.publication());
        std::set<JobId> jobs;
        for (int i = 0; i < 2; ++i) {
            jobs.insert(world.next_job("alice"));
            world.must("alice", market::JobPost{world.job_spec()});
        }
        auto blobs = BlobStore::open(folder.path() / "blobs", 30'000);
        auto trees = TreeStore::open(folder.path() / "trees", **blobs,
                                     {TreeStore::kFileBytesMin, TreeStore::kOwnBytesMax});
        auto pins = Pins::open(folder.path() / "pins", **blobs, **trees);
        REQUIRE(pins.has_value());
        for (const JobId& job : jobs) REQUIRE((*pins)->pin(world.state, job).has_value());
        const fs::path first = folder.path() / "pins" / (to_hex(jobs.begin()->view()) + ".pin");
        fs::remove(first);
        fs::create_directories(first / "in the way");
        market::TaskResult result;
        result.output_root = (*trees)->put(empty_files(1)).value();
        market::StateWrites writes;
        for (const JobId& job : jobs)
            writes[market::task_result_key(job, 0, world.address("bob")).bytes()] = encode(result);
        world.state.apply(writes);
        CHECK_FALSE((*pins)->refresh(world.state).has_value());
        // It fills the room for what is sent, and the second pin keeps it.
        CHECK((*trees)->put(empty_files(2)).error().code == kBlobStoreFull);
        CHECK((*trees)->find(result.output_root).value().has_value());
    }
}

}  // namespace millrace::node
