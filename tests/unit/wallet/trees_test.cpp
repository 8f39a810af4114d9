#include "wallet/trees.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/wallet_node.hpp"
#include "wallet/job_fetch.hpp"

namespace millrace::wallet {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}
std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder with a file of each kind: empty, small, in a folder, and above 1 MiB.
void make_folder(const fs::path& folder) {
    write(folder / "empty", "");
    write(folder / "a.txt", "hello\n");
    write(folder / "sub" / "deep" / "b.bin", std::string(5'000, 'b'));
    write(folder / "big", std::string(1'500'000, 'x') + "end");
    fs::create_directories(folder / "nothing");
}

TreeRoot send(test::WalletNode& node, const fs::path& folder) {
    auto tree = hash_folder(node.context, folder);
    REQUIRE(tree.has_value());
    REQUIRE(send_tree(node.context, *tree).has_value());
    return tree->root;
}

TaskOutcome settled(std::uint32_t task, const TreeRoot& root) {
    market::TaskResult result;
    result.output_root = root;
    return {task, market::TaskState::settled, result};
}

}  // namespace

TEST_SUITE("wallet/trees") {
    TEST_CASE("a folder goes to the node and comes back the same") {
        test::WalletNode node;
        make_folder(node.folder() / "in");
        auto tree = hash_folder(node.context, node.folder() / "in");
        REQUIRE(tree.has_value());
        CHECK(tree->manifest.regions.size() == 2);
        CHECK(tree->root == vm::tree_root(*vm::manifest_of(tree->folder.image)));
        const auto moved = send_tree(node.context, *tree);
        REQUIRE(moved.has_value());
        CHECK(*moved == tree->bytes);
        // Once it is there nothing moves again.
        CHECK(*send_tree(node.context, *tree) == 0);

        auto back = RemoteTree::fetch(node.context, tree->root, node.folder() / "scratch");
        REQUIRE(back.has_value());
        REQUIRE(back->extract(node.folder() / "out").has_value());
        for (const char* name : {"empty", "a.txt", "sub/deep/b.bin", "big"}) {
            CAPTURE(name);
            CHECK(fs::is_regular_file(node.folder() / "out" / name));
            CHECK(read(node.folder() / "in" / name) == read(node.folder() / "out" / name));
        }
        CHECK(fs::is_directory(node.folder() / "out" / "nothing"));
        CHECK(hash_folder(node.context, node.folder() / "out")->root == tree->root);
    }

    TEST_CASE("the scratch folder goes with the tree") {
        test::WalletNode node;
        make_folder(node.folder() / "in");
        const TreeRoot root = send(node, node.folder() / "in");
        {
            const auto tree = RemoteTree::fetch(node.context, root, node.folder() / "scratch");
            REQUIRE(tree.has_value());
            CHECK(fs::exists(node.folder() / "scratch"));
        }
        CHECK_FALSE(fs::exists(node.folder() / "scratch"));
    }

    TEST_CASE("a node that gives other bytes or another list is found out") {
        test::WalletNode node;
        make_folder(node.folder() / "in");
        auto tree = hash_folder(node.context, node.folder() / "in");
        REQUIRE(tree.has_value());
        REQUIRE(send_tree(node.context, *tree).has_value());
        SUBCASE("other bytes in the metadata") {
            const vm::TreeRegion& r = tree->manifest.regions[0];
            node.damage(hash_as<node::BlobId>(file_id(r.length, Hash{r.root.bytes})));
        }
        SUBCASE("other bytes in a big file") {
            const vm::TreeRegion& r = tree->manifest.regions[1];
            node.damage(hash_as<node::BlobId>(file_id(r.length, Hash{r.root.bytes})));
        }
        SUBCASE("another list") {
            node.trees()[tree->root].regions.pop_back();
        }
        const auto back = RemoteTree::fetch(node.context, tree->root, node.folder() / "scratch");
        REQUIRE_FALSE(back.has_value());
        CHECK(back.error().exit == Exit::failed);
        // Of the damaged blob nothing lies here that was not verified.
        std::error_code none;
        for (const auto& file : fs::directory_iterator(node.folder() / "scratch", none))
            if (file.path().extension() == ".part") CHECK(fs::file_size(file.path()) == 0);
    }

    TEST_CASE("links are refused by name") {
        test::WalletNode node;
        write(node.folder() / "in" / "a", "x");
        fs::create_symlink("/etc/passwd", node.folder() / "in" / "link");
        const auto tree = hash_folder(node.context, node.folder() / "in");
        REQUIRE_FALSE(tree.has_value());
        CHECK(tree.error().exit == Exit::bad_input);
        CHECK(tree.error().message.find("link") != std::string::npos);
    }

    TEST_CASE("outputs get a folder for each task, or are merged when no file collides") {
        test::WalletNode node;
        write(node.folder() / "t0" / "tile-0", "zero");
        write(node.folder() / "t0" / "shared" / "a", "a");
        write(node.folder() / "t1" / "tile-1", "one");
        write(node.folder() / "t1" / "shared" / "b", "b");
        const TreeRoot first = send(node, node.folder() / "t0");
        const TreeRoot second = send(node, node.folder() / "t1");
        const std::vector<TaskOutcome> tasks = {
            settled(0, first), settled(1, second), {2, market::TaskState::failed, std::nullopt}};

        const fs::path out = node.folder() / "out";
        const auto apart = fetch_outputs(node.context, {out, false, false}, 3, tasks);
        REQUIRE(apart.has_value());
        CHECK(apart->tasks == 2);
        CHECK(apart->files == 4);
        CHECK(read(out / "task-00000" / "tile-0") == "zero");
        CHECK(read(out / "task-00001" / "shared" / "b") == "b");
        CHECK_FALSE(fs::exists(out / "task-00002"));
        CHECK(std::distance(fs::directory_iterator(out), fs::directory_iterator()) == 2);

        // A second time: not over what is there, unless told so.
        const auto again = fetch_outputs(node.context, {out, false, false}, 3, tasks);
        REQUIRE_FALSE(again.has_value());
        CHECK(again.error().exit == Exit::bad_input);
        CHECK(again.error().message.find("--overwrite") != std::string::npos);
        CHECK(fetch_outputs(node.context, {out, false, true}, 3, tasks).has_value());

        const fs::path flat = node.folder() / "flat";
        REQUIRE(fetch_outputs(node.context, {flat, true, false}, 3, tasks).has_value());
        CHECK(read(flat / "tile-0") == "zero");
        CHECK(read(flat / "tile-1") == "one");
        CHECK(read(flat / "shared" / "a") == "a");
        CHECK(read(flat / "shared" / "b") == "b");
    }

    TEST_CASE("what a task wrote to its streams is kept beside its output, and checked") {
        test::WalletNode node;
        write(node.folder() / "t0" / "a", "x");
        std::vector<TaskOutcome> tasks = {settled(0, send(node, node.folder() / "t0")),
                                          settled(1, send(node, node.folder() / "t0"))};
        vm::Tails tails;
        const ByteView words = as_bytes("words\n");
        tails.out.assign(words.begin(), words.end());
        tasks[1].result->tails = vm::tails_hash(tails);
        node.tails[tasks[1].result->tails] = tails;
        const fs::path out = node.folder() / "out";
        REQUIRE(fetch_outputs(node.context, {out, false, false}, 2, tasks).has_value());
        CHECK(read(out / "task-00001.stdout") == "words\n");
        CHECK_FALSE(fs::exists(out / "task-00001.stderr"));
        CHECK_FALSE(fs::exists(out / "task-00000.stdout"));
        // A node that puts other words into the task's mouth.
        node.tails[tasks[1].result->tails].out.push_back('!');
        const auto lie = fetch_tails(node.context, tasks[1]);
        REQUIRE_FALSE(lie.has_value());
        CHECK(lie.error().exit == Exit::failed);
    }

    TEST_CASE("a collision writes nothing") {
        test::WalletNode node;
        write(node.folder() / "t0" / "x" / "same", "zero");
        write(node.folder() / "t1" / "x" / "same", "one");
        write(node.folder() / "t2" / "x", "a file where others have a folder");
        const std::vector<TreeRoot> roots = {send(node, node.folder() / "t0"),
                                             send(node, node.folder() / "t1"),
                                             send(node, node.folder() / "t2")};
        for (const std::size_t other : {1UL, 2UL}) {
            CAPTURE(other);
            const std::vector<TaskOutcome> tasks = {settled(0, roots[0]), settled(1, roots[other])};
            const fs::path out = node.folder() / "out";
            const auto got = fetch_outputs(node.context, {out, true, false}, 2, tasks);
            REQUIRE_FALSE(got.has_value());
            CHECK(got.error().message.find("tasks 0 and 1") != std::string::npos);
            CHECK(fs::is_empty(out));
        }
    }

    TEST_CASE("a job of one task writes into the folder itself") {
        test::WalletNode node;
        write(node.folder() / "t0" / "a", "x");
        const std::vector<TaskOutcome> tasks = {settled(0, send(node, node.folder() / "t0"))};
        REQUIRE(fetch_outputs(node.context, {node.folder() / "out", false, false}, 1, tasks)
                    .has_value());
        CHECK(read(node.folder() / "out" / "a") == "x");
    }
}

}  // namespace millrace::wallet
