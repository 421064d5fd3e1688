#!/bin/sh
set -eu
cat > /usr/local/bin/hello <<EOF
#!/bin/sh
echo "$GREETING"
EOF
chmod 755 /usr/local/bin/hello
