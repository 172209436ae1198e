#include <cstdio>
#include <stdexcept>
int main() {
    fputs("2026-11-26 10:00:00 INFO up\n", stderr);
    throw std::runtime_error("could not open\nsecond line");
}
