#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "node/rpc/access.hpp"
#include "node/rpc/clients.hpp"
#include "tests/support/temp_dir.hpp"

namespace millrace::node::rpc {

TEST_SUITE("node/rpc/clients") {
    TEST_CASE("a flood of connections that ask nothing makes room for itself, not for others") {
        Clients clients({.connections_max = 4, .client_connections_max = 3});
        std::vector<std::string> closed;
        const auto open = [&](const std::string& client, std::uint64_t now) {
            ConnectionPtr c = clients.admit(client, false, now);
            if (c)
                clients.set_close(
                    c, [&closed, client, now] { closed.push_back(client + std::to_string(now)); });
            return c;
        };
        const ConnectionPtr good = open("good", 1'000);
        for (std::uint64_t i = 2; i < 12; ++i) CHECK(open("bad", i * 1'000) != nullptr);
        // The oldest of the flood go first; the good one, older than all, stays.
        CHECK(closed == std::vector<std::string>{"bad2000", "bad3000", "bad4000", "bad5000",
                                                 "bad6000", "bad7000", "bad8000"});
        CHECK_FALSE(good->is_evicted);
        // Another client displaces one of the client with the most.
        CHECK(open("third", 20'000) != nullptr);
        CHECK(closed.back() == "bad9000");
        CHECK_FALSE(good->is_evicted);
        // Who has only just come has a moment to ask before it is displaced.
        Clients quick({.connections_max = 1});
        CHECK(quick.admit("a", false, 1'000) != nullptr);
        CHECK(quick.admit("b", false, 1'050) == nullptr);
        CHECK(quick.admit("b", false, 1'100) != nullptr);
    }

    TEST_CASE("connections that are told to close count until they have") {
        constexpr std::size_t kMost = 4;
        Clients clients({.connections_max = kMost, .client_connections_max = kMost});
        std::vector<ConnectionPtr> open;
        // Each displaces one before it, and none has closed yet.
        std::uint64_t now = 1'000;
        for (; open.size() < kMost + kClosingMax; now += 1'000)
            open.push_back(clients.admit("flood", false, now));
        CHECK(std::count(open.begin(), open.end(), nullptr) == 0);
        CHECK(clients.admit("flood", false, now) == nullptr);
        CHECK(clients.admit("127.0.0.1", true, now) == nullptr);
        // Nobody was told to close for those who could not come in.
        CHECK(std::count_if(open.begin(), open.end(),
                            [](const ConnectionPtr& c) { return c->is_evicted; }) == kClosingMax);
        clients.remove(open.front());
        CHECK(clients.admit("flood", false, now) != nullptr);
    }

    TEST_CASE("what is being served is never displaced") {
        Clients clients({.connections_max = 2, .client_connections_max = 2});
        const ConnectionPtr a = clients.admit("a", false, 1);
        const ConnectionPtr b = clients.admit("b", false, 2);
        a->idle_since_ms = 0;
        b->idle_since_ms = 0;
        CHECK(clients.admit("c", false, 3) == nullptr);
        CHECK(clients.busy() == 2);
        clients.remove(a);
        CHECK(clients.admit("c", false, 4) != nullptr);
    }

    TEST_CASE("a client's allowance is a second's calls, and comes back with time") {
        Clients clients({.calls_per_second_max = 10});
        const ConnectionPtr c = clients.admit("c", false, 1);
        const ConnectionPtr other = clients.admit("other", false, 1);
        const ConnectionPtr own = clients.admit("127.0.0.1", true, 1);
        for (int i = 0; i < 10; ++i) CHECK_FALSE(clients.charge(*c, 1, 1'000).has_value());
        CHECK(clients.charge(*c, 1, 1'000) == 100);
        CHECK(clients.charge(*c, 5, 1'000) == 500);
        CHECK_FALSE(clients.charge(*other, 10, 1'000).has_value());
        CHECK_FALSE(clients.charge(*own, 1'000, 1'000).has_value());
        CHECK_FALSE(clients.charge(*c, 1, 1'100).has_value());
        CHECK(clients.charge(*c, 1, 1'100).has_value());
        // It never saves up more than a second's; a batch above that takes all of it.
        CHECK_FALSE(clients.charge(*c, 50, 60'000).has_value());
        CHECK(clients.charge(*c, 1, 60'000).has_value());
    }
}

TEST_SUITE("node/rpc/access") {
    TEST_CASE(
        "the cookie and tokens give what they say, and nothing is on disk that could be shown") {
        const test::TempDir folder;
        std::string token;
        {
            auto access = AccessControl::open(folder.path(), false);
            REQUIRE(access.has_value());
            struct stat info{};
            REQUIRE(::stat((folder.path() / "rpc.cookie").c_str(), &info) == 0);
            CHECK((info.st_mode & 0777U) == 0600U);
            std::string cookie;
            std::getline(std::ifstream(folder.path() / "rpc.cookie"), cookie);
            CHECK((*access)->scopes_of("Bearer " + cookie)->has(Scope::admin));
            CHECK((*access)->scopes_of("")->has(Scope::submit));
            CHECK_FALSE((*access)->scopes_of("")->has(Scope::admin));
            CHECK_FALSE((*access)->scopes_of("Bearer " + cookie + "0").has_value());
            CHECK_FALSE((*access)->scopes_of("Basic " + cookie).has_value());
            TokenInfo info_of;
            info_of.name = std::string("reader");
            info_of.scopes.push_back(Scope::read);
            auto made = (*access)->create(info_of);
            REQUIRE(made.has_value());
            token = *made;
            CHECK_FALSE((*access)->create(info_of).has_value());
        }
        auto again = AccessControl::open(folder.path(), true);
        REQUIRE(again.has_value());
        CHECK_FALSE((*again)->scopes_of("")->has(Scope::read));
        CHECK((*again)->scopes_of("Bearer " + token)->has(Scope::read));
        CHECK_FALSE((*again)->scopes_of("Bearer " + token)->has(Scope::submit));
        std::string kept;
        std::getline(std::ifstream(folder.path() / "rpc.tokens"), kept);
        CHECK(kept.find("reader") != std::string::npos);
        CHECK(kept.find(token) == std::string::npos);
        CHECK(*(*again)->revoke(std::string("reader")));
        CHECK_FALSE(*(*again)->revoke(std::string("reader")));
        CHECK_FALSE((*again)->scopes_of("Bearer " + token).has_value());
    }
}

}  // namespace millrace::node::rpc
