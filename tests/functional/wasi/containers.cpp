// C++ from clang and libc++: containers, strings, streams, clocks, random bytes; writes a tree.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

int main() {
    std::map<std::string, int> counts;
    std::string word;
    while (std::cin >> word) ++counts[word];
    for (const auto& [name, count] : counts) std::cout << name << ' ' << count << '\n';

    const auto before = std::chrono::steady_clock::now();
    const auto wall = std::chrono::system_clock::now();
    usleep(250'000);
    const auto slept = std::chrono::steady_clock::now() - before;
    std::cout << "slept " << (slept >= std::chrono::milliseconds(250)) << '\n';
    std::cout << "year "
              << (std::chrono::duration_cast<std::chrono::hours>(wall.time_since_epoch()).count() /
                      8766 +
                  1970)
              << '\n';
    unsigned char random[64] = {};
    std::cout << "random "
              << (getentropy(random, sizeof random) == 0 && random[0] + random[63] != 0) << '\n';
    for (int i = 0; i < 200; ++i) {
        std::ostringstream path;
        path << "d" << i % 10;
        mkdir(path.str().c_str(), 0755);
        path << "/f" << i;
        FILE* file = std::fopen(path.str().c_str(), "w");
        if (file == nullptr) return 1;
        for (int k = 0; k < i; ++k) std::fprintf(file, "%d\n", k);
        std::fclose(file);
    }
    std::cout << "done" << std::endl;
}
